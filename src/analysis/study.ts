import { setMaxListeners } from "node:events";
import { startBackend } from "../backend/start.js";
import type { NamedArrays } from "../core/array.js";
import { type Checks, type Config, configure } from "../core/config.js";
import { messageOf } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { type ChosenEngine, chooseEngine, type EngineName } from "../linalg/engine-choice.js";
import { SvdPool } from "../linalg/pool.js";
import type { Model } from "../nn/model.js";
import type { OpenOptions } from "../store/folder.js";
import { thisCode } from "../store/code.js";
import { studiesFolder } from "../store/paths.js";
import type { Status } from "../store/record-file.js";
import {
  findStudy,
  openStudy,
  readStudy,
  verifyStudy,
  type Study,
  type StudyIdentity,
  type StudyInput,
  type StudyReader,
} from "../store/study.js";
import type { Experiment } from "../train/experiment.js";
import type { Measurement } from "../train/measure.js";
import { checkSameData, type OpenedExperiment, openExperiment } from "./model.js";
import type { RunAtStep } from "../store/run-at-step.js";

/** What a study computes with. */
export interface StudyContext<C extends Config = Config> {
  readonly inputs: readonly RunAtStep[];
  readonly parameters: C;
  readonly svd: SvdPool;
  readonly signal: AbortSignal;
  /** The weights of an input, read once. @throws DataError if they are missing or damaged */
  weights(input: number): NamedArrays;
  /** The network of an input. Starts no backend. @throws as openExperiment */
  model(input: number): Promise<Model<unknown>>;
  /**
   * What an input was trained on and how: its data are open, and a backend computes, which the study's record then names.
   * @throws as openExperiment, and as startBackend; DataError if the data here are not those that the run was trained on
   */
  experiment(input: number): Promise<Experiment>;
  /**
   * What several parts need: made when it is first asked for, and disposed of, where it can be (`Disposable`), when computing
   * ends, however it ends.
   */
  shared<T extends object>(name: string, make: () => Promise<T>): Promise<T>;
}

/** Something that holds memory until it is told to give it back. */
export interface Disposable {
  dispose(): void;
}

/** A kind of study, declared: what it is about, its parameters, its parts and how one is computed. */
export interface StudyKind<C extends Config = Config> {
  /** "agreement": what the command line calls it, and the folder of its studies. */
  readonly kind: string;
  readonly title: string;
  /** What is read of the inputs, and so what their runs must have kept: whole weights, or leading singular vectors. */
  readonly reads: "weights" | "vectors";
  /** The parameters, flat. Each of them changes numbers; a default is never changed. */
  readonly defaults: C;
  readonly checks?: Checks<C>;
  /** Checks the inputs: how many, of which runs. @throws ConfigError in one sentence */
  needs(inputs: readonly RunAtStep[], parameters: C): void;
  /** The names of the parts ("alpha/0.3"), each once, in the order of their rows. A function of inputs and parameters. */
  parts(context: StudyContext<C>): readonly string[] | Promise<readonly string[]>;
  /** Rows (at least one, without a column `part`) and arrays of a part: a function of inputs, parameters and part. */
  compute(part: string, context: StudyContext<C>): Promise<Measurement>;
  /** Parts that are computed at the same time; they are written in order. Default 1. */
  readonly together?: number;
}

/** A kind whose parameters are checked against its own defaults when it is used, not by the compiler. */
export function defineStudy<C extends Config>(kind: StudyKind<C>): StudyKind {
  return kind as unknown as StudyKind;
}

/** A study that is asked for. */
export interface StudyRequest {
  readonly kind: StudyKind;
  readonly inputs: readonly RunAtStep[];
  /** The parameters that differ from the defaults. */
  readonly set?: Readonly<Record<string, unknown>>;
}

/** How a study is computed. */
export interface StudyOptions extends OpenOptions {
  /** Folder of studies; default `studiesFolder()`. */
  readonly studies?: string;
  /** What decomposes matrices; default what the study was begun on, of a new one LAPACK where there is a library. */
  readonly svd?: EngineName;
  /** What evaluates networks, of kinds that do: a backend's name; default the best one. */
  readonly backend?: string;
  /** Stops as soon as the part under way can be given up or ends; what is written stays. */
  readonly signal?: AbortSignal;
}

/** Where a study is. */
export interface StudyProgress {
  readonly folder: string;
  /** Parts that are written. */
  readonly done: number;
  /** Parts in all. */
  readonly total: number;
}

/**
 * The identity of a request, which names its folder.
 * @throws ConfigError for inputs that the kind cannot take, an unknown parameter or a value out of range
 */
export function studyIdentity({ kind, inputs, set = {} }: StudyRequest): StudyIdentity {
  const parameters = configure(kind.kind, kind.defaults, set, kind.checks);
  kind.needs(inputs, parameters);
  return { kind: kind.kind, inputs: inputs.map(described), parameters, defaults: kind.defaults };
}

/**
 * Computes a study, or goes on with it where it was stopped; a finished one is returned as it is.
 * @returns the study, "finished", or "interrupted" if the signal stopped it. A generator that is given up (`break`,
 *   `return()`) leaves it "interrupted" too
 * @throws ConfigError, DataError, StoreError (among others if another process computes it); its record then says "failed"
 *   and why, unless it could not be opened, and every part that was written stays
 * @example
 * const inputs = [runAtStep("320342d6aa20@0"), runAtStep("320342d6aa20@end")];
 * for await (const { done, total } of runStudy({ kind: agreement, inputs })) console.log(`${done} of ${total}`);
 */
export async function* runStudy(
  request: StudyRequest,
  { studies = studiesFolder(), signal, svd, backend, ...options }: StudyOptions = {},
): AsyncGenerator<StudyProgress, StudyReader> {
  const identity = studyIdentity(request);
  const known = options.setAsideDamaged ? undefined : findStudy(studies, identity);
  if (known?.record.status === "finished") {
    verifyStudy(known);
    return known;
  }
  const code = thisCode();
  const study = openStudy(studies, identity, code, options);
  try {
    // Another process may have finished it a moment ago.
    if (study.record.status !== "finished") {
      if (study.record.svd) engineOf(study, svd); // refused before anything is written
      study.update({ status: "running", failure: undefined, code });
      yield* compute(study, request, identity.parameters, { signal, svd, backend });
    }
  } finally {
    study.close();
  }
  return readStudy(study.folder);
}

/** The engine of a study: the one that its record names, unless another is asked for. @throws ConfigError */
function engineOf({ folder, record }: Study, asked: EngineName | undefined): ChosenEngine {
  return chooseEngine(folder, { asked, begun: record.svd?.at(-1) });
}

/** The threads that decompose for a study, which its record then names. */
function poolOf(study: Study, asked: EngineName | undefined): SvdPool {
  const { engine, description } = engineOf(study, asked);
  const { svd = [] } = study.record;
  if (svd.at(-1) !== description) study.update({ svd: [...svd, description] });
  return new SvdPool({ engine });
}

/** Starts what evaluates networks for a study, which its record then names. */
async function startFor(study: Study, asked: string | undefined): Promise<void> {
  const { description } = await startBackend({ backend: asked });
  const { backend = [] } = study.record;
  if (backend.at(-1) !== description) study.update({ backend: [...backend, description] });
}

/** Computes the parts that are missing, and says in the record how it ended, however it ends. */
async function* compute(
  study: Study,
  { kind, inputs }: StudyRequest,
  parameters: Config,
  { signal, svd, backend }: Pick<StudyOptions, "signal" | "svd" | "backend">,
): AsyncGenerator<StudyProgress, void> {
  const givenUp = new AbortController();
  const stop = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  setMaxListeners(0, stop); // one per matrix that is decomposed: many of them are no leak
  const { context, close, release } = openContext(inputs, parameters, stop, {
    openPool: () => poolOf(study, svd),
    start: () => startFor(study, backend),
  });
  const end = endingOf(study);
  const underWay: Promise<Measurement>[] = [];
  let status: Status = "interrupted"; // also where the generator is given up, which runs only what stands under `finally`
  let failure: string | undefined;
  try {
    stop.throwIfAborted();
    const parts = await kind.parts(context);
    const missing = study.resume(parts);
    const waiting = missing.values();
    let done = parts.length - missing.length;
    yield { folder: study.folder, done, total: parts.length };
    for (const part of missing) {
      while (underWay.length < (kind.together ?? 1)) {
        const next = waiting.next();
        if (next.done) break;
        underWay.push(started(kind.compute(next.value, context)));
      }
      const { rows, arrays } = await underWay.shift()!;
      stop.throwIfAborted();
      study.writePart(part, rows, arrays);
      yield { folder: study.folder, done: ++done, total: parts.length };
    }
    status = "finished";
  } catch (error) {
    if (signal?.aborted) return;
    [status, failure] = ["failed", messageOf(error)];
    throw error;
  } finally {
    givenUp.abort();
    await close();
    await Promise.allSettled(underWay);
    await release();
    end(status, failure);
  }
}

/** What writes into a study's record how its computing ended, with the seconds since now. */
function endingOf(study: Study): (status: Status, failure?: string) => void {
  const started = performance.now();
  const { computing = 0 } = study.record.timings;
  return (status, failure) => {
    const timings = { ...study.record.timings, computing: computing + (performance.now() - started) / 1000 };
    const finished = status === "finished" ? new Date().toISOString() : undefined;
    try {
      study.update({ status, failure, timings, finished });
    } catch (error) {
      if (status !== "failed") throw error; // else what made it fail is thrown: a full disk, perhaps
    }
  };
}

/** A promise that is awaited later: until then a rejection is nobody's. */
function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/**
 * What a study computes with, each thing made when it is first asked for; `close` it afterwards, and `release` what is shared
 * once nothing uses it.
 */
function openContext(
  inputs: readonly RunAtStep[],
  parameters: Config,
  signal: AbortSignal,
  { openPool, start }: { openPool(): SvdPool; start(): Promise<void> },
): { readonly context: StudyContext; close(): Promise<void>; release(): Promise<void> } {
  const weights = new Map<number, NamedArrays>();
  const experiments = new Map<string, Promise<OpenedExperiment>>();
  const shared = new Map<string, Promise<object>>();
  let pool: SvdPool | undefined;
  let started: Promise<void> | undefined;
  const opened = (input: number): Promise<OpenedExperiment> => {
    const { record } = inputs[input].run;
    const { task, config, seed, data } = record;
    const same = canonicalJson({ task, config, seed, data: data.fingerprint });
    return once(experiments, same, () => openExperiment(record, signal));
  };
  const context: StudyContext = {
    inputs,
    parameters,
    get svd() {
      return (pool ??= openPool());
    },
    signal,
    weights: (input) => once(weights, input, () => inputs[input].weights()),
    model: async (input) => (await opened(input)).experiment.model,
    async experiment(input) {
      const { experiment, provenance } = await opened(input);
      checkSameData(inputs[input].run.record, provenance);
      await (started ??= start());
      return experiment;
    },
    shared: <T extends object>(name: string, make: () => Promise<T>) =>
      once(shared, name, make) as Promise<T>,
  };
  return {
    context,
    close: async () => pool?.close(),
    async release() {
      const made = await Promise.allSettled(shared.values());
      for (const result of made)
        if (result.status === "fulfilled" && "dispose" in result.value)
          (result.value as Disposable).dispose();
    },
  };
}

function once<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

function described({ run: { record }, step, edit }: RunAtStep): StudyInput {
  const { id, task, seed, data } = record;
  return { run: id, task, step, ...(edit && { edit }), seed, data: data && { ...data, source: undefined } };
}
