import { unknownName } from "../core/config.js";
import { cifarDecay } from "./cifar-decay.js";
import { lstm } from "./lstm.js";
import { mlpLabels } from "./mlp-labels.js";
import { mnistMlp } from "./mnist-mlp.js";
import { modularAddition } from "./modular-addition.js";
import { resnet } from "./resnet.js";
import type { Task } from "./task.js";
import { transformer } from "./transformer.js";
import { unet } from "./unet.js";
import { vgg } from "./vgg.js";

export { cifarDecay, lstm, mlpLabels, mnistMlp, modularAddition, resnet, transformer, unet, vgg };

/** All experiments, in the order of the paper; what it does not have comes last. */
export const TASKS: readonly Task[] = [
  mnistMlp,
  cifarDecay,
  modularAddition,
  vgg,
  unet,
  lstm,
  transformer,
  mlpLabels,
  resnet,
];

/** The task called `name`. @throws ConfigError with the nearest name if there is none */
export function taskNamed(name: string): Task {
  const task = TASKS.find((candidate) => candidate.name === name);
  const names = TASKS.map((known) => known.name);
  if (!task) throw unknownName("task", name, names);
  return task;
}
