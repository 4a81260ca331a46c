import type { RunRecord } from "../store/record.js";

/** What figures call the data that a run was trained on: "CIFAR-10"; undefined where the record does not say. */
export function dataTitle(data: RunRecord["data"]): string | undefined {
  return data?.name.replace(/ \(.*/, "");
}
