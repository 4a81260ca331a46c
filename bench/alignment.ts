/**
 * Times the alignment of two networks of other initialisations by weight matching, at the paper's sizes: the longest that
 * matching takes, since trained networks of one trunk need fewer rounds.
 *
 *     node build/bench/alignment.js [NAME...]      default all
 *
 * Prints a JSON line for each: the network, CPU seconds, and the rounds over all groups of units.
 */
import { lstm } from "spectral-lab/models/lstm";
import { resnet } from "spectral-lab/models/resnet";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import { weightMatching } from "spectral-lab/nn/weight-matching";

const networks: Readonly<Record<string, Model<never>>> = {
  vgg: vgg(),
  unet: unet(),
  lstm: lstm(),
  transformer: transformer({ vocabulary: 5000 }),
  resnet18: resnet({ depth: 18 }),
  resnet50: resnet({ depth: 50 }),
};
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(networks);

for (const name of names) {
  const model = networks[name];
  const [a, b] = [0, 1].map((seed) => new Map([...model.init(seed), ...model.initBuffers(seed)]));
  const start = process.cpuUsage();
  const { sweeps } = weightMatching(model, a, b);
  const { user, system } = process.cpuUsage(start);
  console.log(JSON.stringify({ network: name, cpuSeconds: (user + system) / 1e6, rounds: sweeps }));
}
