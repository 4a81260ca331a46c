import { join } from "node:path";
import { DataError } from "../core/errors.js";
import type { DataOptions } from "./dataset.js";
import { fingerprintOf } from "./fingerprint.js";
import { fileIdentity } from "./identity.js";
import { type ImageData, type ImageSet, type Normalisation, imageData } from "./images.js";
import { type Sized, openedOnce } from "./memory.js";
import { obtain } from "./obtain.js";
import { findPart } from "./place.js";
import { type SetWords, originOf } from "./provenance.js";
import type { PublicSet } from "./sources.js";
import { areVerified } from "./verified.js";

export interface ImageOptions extends DataOptions {
  /** Permutes the labels of training and validation images by this seed, for the random-label task. */
  readonly permuteLabels?: number;
}

/** How one set of images is read, made and called. */
export interface ImageKind {
  readonly set: PublicSet;
  readonly words: SetWords;
  readonly normalisation: Normalisation;
  readonly classNames: readonly string[];
  /** The files of a split, by the names that `Part.needs` gives them. */
  needs(split: Split): readonly string[];
  /** Reads the files of a split, which may be of any accepted version. */
  read(paths: readonly string[]): Promise<ImageSet>;
  /** Makes images of the same shape in their place. */
  generate(count: number, split: Split): ImageSet;
  /** What the labels of generated images mean; default `classNames`. */
  readonly generatedClassNames?: readonly string[];
}

export type Split = "training" | "test";

/** Bytes with what they are known by. */
interface Opened {
  readonly training: ImageSet;
  readonly test: ImageSet;
  readonly fingerprint: string;
  readonly verified: boolean;
}

/** Opens images, or makes a stand-in for them; both once per process. */
export async function openImages(kind: ImageKind, options: ImageOptions): Promise<ImageData> {
  const { set, words, normalisation, classNames, generatedClassNames = classNames } = kind;
  const { permuteLabels } = options;
  const found = await obtain(set, options);
  if ("absent" in found) {
    const made = await openedOnce({ generated: set.name }, async () =>
      sized(kind.generate(4000, "training"), kind.generate(500, "test"), false),
    );
    const origin = originOf(words, { ...made, from: found });
    return imageData({ ...made, normalisation, classNames: generatedClassNames, origin, permuteLabels });
  }
  const [part] = set.parts;
  const place = await findPart(part, found.root);
  if (place === undefined) throw new DataError(`${join(found.root, part.folder)}: it went away`);
  const { folder } = place;
  const pathsOf = (split: Split): string[] => kind.needs(split).map((need) => place.files.get(need) ?? need);
  const [training, test] = [pathsOf("training"), pathsOf("test")];
  const paths = [...training, ...test];
  const files = await Promise.all(
    [...paths, `${folder}.json`].map(async (path) => [path, await fileIdentity(path)]),
  );
  const opened = await openedOnce({ set: set.name, files }, async () =>
    sized(
      await kind.read(training),
      await kind.read(test),
      await areVerified(found.root, folder, part, paths),
    ),
  );
  const origin = originOf(words, { ...opened, from: { folder } });
  return imageData({ ...opened, normalisation, classNames, origin, permuteLabels });
}

function sized(training: ImageSet, test: ImageSet, verified: boolean): Sized<Opened> {
  const { count, height, width, channels, pixels, labels } = training;
  const fingerprint = fingerprintOf(`images ${[count, height, width, channels]}`, pixels, labels);
  return {
    value: { training, test, fingerprint, verified },
    bytes: pixels.length + test.pixels.length,
  };
}
