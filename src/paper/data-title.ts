import type { DataRecord } from "../store/record.js";

/** What the title of a panel calls the data that a run was trained on, in a few words: "CIFAR-10", "spoken digits". */
export function dataTitle({ name }: DataRecord): string {
  return name.replaceAll(/ \(.*?\)/g, "").replace(/ in \S+'s layout$/, "");
}
