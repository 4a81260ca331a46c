import * as tf from "@tensorflow/tfjs";
import { editDistance } from "../core/edit-distance.js";
import { ctcLoss, type Transcripts } from "../nn/ctc.js";
import { greedyDecode, wordsOf } from "../nn/decoding.js";
import { initialise, shapesOf } from "../nn/initialise.js";
import { linear, linearSpecs } from "../nn/linear.js";
import { bidirectionalLstm, DIRECTIONS, GATES, lstmSpecs } from "../nn/lstm.js";
import type { Contact, ContactSide, Metrics, Model, Parameters, UnitGroup } from "../nn/model.js";
import { flattenedViews } from "../nn/views.js";
import { checkSizes } from "./sizes.js";

/** One batch of speech: features on the device, transcripts on the host. */
export interface SpeechTensors extends Transcripts {
  /** float32 [time, n, features]; utterances end with padding. */
  readonly features: tf.Tensor3D;
}

export interface LstmSizes {
  /** Mel bands; 40 in the paper. */
  readonly features?: number;
  /** Units per direction; 256 in the paper. */
  readonly hidden?: number;
  /** 4 in the paper. */
  readonly layers?: number;
  /** Characters and the blank, which is symbol 0; 29 in the paper. */
  readonly symbols?: number;
  /** The symbol between words; default 2, the space of `data/speech`. */
  readonly wordSeparator?: number;
}

/**
 * The speech recogniser (PAPER.md section 2): a bidirectional LSTM over all frames (padding included, as the authors
 * do) and a linear layer, trained with CTC. Metrics: `loss` per utterance, `characterError` per character and
 * `wordError` per word of the transcripts, by greedy decoding.
 * @throws ConfigError if a size is not a positive integer
 */
export function lstm(sizes: LstmSizes = {}): Model<SpeechTensors> {
  const { features = 40, hidden = 256, layers = 4, symbols = 29, wordSeparator = 2 } = sizes;
  checkSizes("lstm", { features, hidden, layers, symbols, wordSeparator });
  const specs = [
    ...lstmSpecs("lstm", features, hidden, layers),
    ...linearSpecs("linear", 2 * hidden, symbols),
  ];
  const logits = (parameters: Parameters, x: tf.Tensor3D): tf.Tensor3D => {
    for (let layer = 0; layer < layers; layer++) x = bidirectionalLstm(parameters, "lstm", layer, x);
    return linear(parameters, "linear", x) as tf.Tensor3D;
  };

  return {
    name: "lstm",
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: () => new Map(),
    loss: (parameters, _buffers, batch) => ({ loss: ctcLoss(logits(parameters, batch.features), batch) }),
    evaluate: (parameters, _buffers, batch) =>
      tf.tidy(() => {
        const output = logits(parameters, batch.features);
        return [ctcLoss(output, batch), tf.argMax(output, 2)];
      }),
    metrics: ([[meanLoss], best], batch) =>
      transcriptMetrics(meanLoss, greedyDecode(best, batch.frames), batch, wordSeparator),
    matrices: flattenedViews(specs),
    contacts: contactsOf(hidden, layers),
    outputLayer: ["linear.weight"],
    units: unitsOf(hidden, layers),
  };
}

/**
 * The units of each layer and direction: the four gates of a unit lie in four blocks of rows, and its output is read by its own
 * hidden weight and by this direction's half of what follows.
 */
function unitsOf(hidden: number, layers: number): UnitGroup[] {
  return Array.from({ length: layers }, (_, layer) =>
    DIRECTIONS.map((direction, d): UnitGroup => {
      const own = (kind: string): string => `lstm.${kind}_l${layer}${direction}`;
      const next =
        layer + 1 < layers
          ? DIRECTIONS.map((other) => `lstm.weight_ih_l${layer + 1}${other}`)
          : ["linear.weight"];
      const gates = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].flatMap((kind) =>
        GATES.map((_gate, g) => ({ parameter: own(kind), axis: 0, start: g * hidden })),
      );
      const read = next.map((parameter) => ({ parameter, axis: 1, start: d * hidden }));
      const axes = [...gates, { parameter: own("weight_hh"), axis: 1 }, ...read];
      return { name: `lstm.l${layer}${direction}`, size: hidden, axes };
    }),
  ).flat();
}

function transcriptMetrics(
  meanLoss: number,
  decoded: readonly number[][],
  { labels, labelLengths }: Transcripts,
  separator: number,
): Metrics {
  const n = labelLengths.length;
  const longest = labels.length / n;
  let [characterErrors, characters, wordErrors, words] = [0, 0, 0, 0];
  decoded.forEach((text, i) => {
    const truth = Array.from(labels.subarray(i * longest, i * longest + labelLengths[i]));
    const trueWords = wordsOf(truth, separator);
    characterErrors += editDistance(text, truth);
    characters += truth.length;
    wordErrors += editDistance(wordsOf(text, separator), trueWords);
    words += trueWords.length;
  });
  return {
    loss: { sum: meanLoss * n, count: n },
    characterError: { sum: characterErrors, count: characters },
    wordError: { sum: wordErrors, count: words },
  };
}

/**
 * For each layer, direction and gate: input weight -> hidden weight of the layer, and both -> the next layer's input
 * weight, of which the half that reads this direction is decomposed on its own; at the end the output layer likewise.
 */
function contactsOf(hidden: number, layers: number): Contact[] {
  const contacts: Contact[] = [];
  for (let layer = 0; layer < layers; layer++) {
    DIRECTIONS.forEach((direction, d) => {
      const own = (kind: "ih" | "hh"): string => `weight_${kind}_l${layer}${direction}`;
      const columns = [d * hidden, (d + 1) * hidden] as const;
      const next = layer + 1 < layers ? `weight_ih_l${layer + 1}${direction}` : "linear";
      const nextMatrix = layer + 1 < layers ? `lstm.${next}` : "linear.weight";
      GATES.forEach((gate, g) => {
        const gateOf = (kind: "ih" | "hh"): ContactSide => ({
          matrix: `lstm.${own(kind)}`,
          space: "output",
          take: { start: g * hidden, stride: 1, count: hidden },
        });
        const after = { matrix: nextMatrix, space: "input", columns } as const;
        contacts.push(
          {
            name: `${own("ih")} -> ${own("hh")}, ${gate} gate`,
            from: gateOf("ih"),
            to: { matrix: `lstm.${own("hh")}`, space: "input" },
          },
          { name: `${own("ih")} -> ${next}, ${gate} gate`, from: gateOf("ih"), to: after },
          { name: `${own("hh")} -> ${next}, ${gate} gate`, from: gateOf("hh"), to: after },
        );
      });
    });
  }
  return contacts;
}
