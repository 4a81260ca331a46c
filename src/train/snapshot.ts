import type { NamedArrays } from "../core/array.js";
import type { Matrix, Svd } from "../linalg/svd.js";
import type { Decomposition } from "../nn/contacts.js";
import type { MatrixView, Metrics, Model, Parameters } from "../nn/model.js";
import { toArrays } from "../nn/parameters.js";
import { matrixOf } from "../nn/views.js";
import type { Evaluator } from "./evaluator.js";
import type { Examples } from "./examples.js";
import type { Decomposer, Evaluation, Snapshot } from "./measure.js";
import { block, serves, svdKey } from "./measure.js";

/** What a snapshot is made of. */
export interface SnapshotSource<Batch> {
  readonly step: number;
  readonly epoch: number;
  readonly model: Model<Batch>;
  readonly parameters: Parameters;
  readonly buffers: Parameters;
  readonly training: Examples<Batch>;
  readonly evaluations: Readonly<Record<string, Evaluation<Batch>>>;
  readonly evaluator: Evaluator<Batch>;
  /** The decompositions of the reference weights that earlier snapshots of the run asked for; added to. */
  readonly reference: ReferenceSvds;
}

/** Decompositions of the weights that a run is compared with, each made when it is first asked for. */
export class ReferenceSvds {
  readonly #known = new Map<string, { request: Decomposition; svd: Promise<Svd> }>();
  #weights: NamedArrays | undefined;

  constructor(
    readonly model: Pick<Model<never>, "matrices" | "name">,
    readonly weights: () => NamedArrays,
    readonly engine: Decomposer,
  ) {}

  get(request: Decomposition): Promise<Svd> {
    const key = svdKey(request);
    const known = this.#known.get(key);
    if (known && serves(known.request, request)) return known.svd;
    this.#weights ??= this.weights();
    const svd = decompose(request, this.model, this.#weights, this.engine, "reference");
    this.#known.set(key, { request, svd });
    return svd;
  }
}

/**
 * A snapshot of the given weights, which it takes over: `dispose` frees them. They are not to change meanwhile.
 * @param requests what `svd` may be asked for, one merged request per key (see `mergeRequests`)
 */
export function takeSnapshot<Batch>(
  source: SnapshotSource<Batch>,
  requests: ReadonlyMap<string, Decomposition>,
  engine: Decomposer,
): Snapshot<Batch> & { dispose(): void } {
  const { parameters, buffers } = source;
  const decompositions = new Map<string, Promise<Svd>>();
  const metrics = new Map<string, Promise<Metrics>>();
  let host: Promise<NamedArrays> | undefined;

  const arrays = (): Promise<NamedArrays> => (host ??= toArrays(parameters));
  const matrix = async (name: string): Promise<Matrix> => {
    return matrixOf(viewNamed(source.model, name), await arrays());
  };
  const requestFor = (asked: Pick<Decomposition, "matrix" | "rows" | "columns">): Decomposition => {
    const request = requests.get(svdKey(asked));
    if (!request)
      throw new RangeError(`snapshot.svd: no probe of this step declared that it needs ${svdKey(asked)}`);
    return request;
  };

  return {
    ...source,
    parameters,
    buffers,
    arrays,
    matrix,
    svd(asked) {
      const key = svdKey(asked);
      const request = requestFor(asked);
      let result = decompositions.get(key);
      if (!result) {
        result = arrays().then((host) =>
          decompose(request, source.model, host, engine, `step ${source.step}`),
        );
        decompositions.set(key, result);
      }
      return result;
    },
    referenceSvd: (asked) => source.reference.get(requestFor(asked)),
    evaluate(split, edited) {
      const on = source.evaluations[split];
      if (!on) {
        const known = Object.keys(source.evaluations).join(", ");
        throw new RangeError(`snapshot.evaluate: no data set "${split}" (known: ${known})`);
      }
      const { evaluator } = source;
      if (edited) return evaluator.evaluate(edited.parameters, edited.buffers, on.examples, on);
      let result = metrics.get(split);
      if (!result) metrics.set(split, (result = evaluator.evaluate(parameters, buffers, on.examples, on)));
      return result;
    },
    recalibrate(edited) {
      const { evaluator, training, evaluations } = source;
      return evaluator.recalibrate(edited, buffers, training, Object.values(evaluations)[0]);
    },
    dispose() {
      parameters.forEach((tensor) => tensor.dispose());
      buffers.forEach((tensor) => tensor.dispose());
    },
  };
}

function decompose(
  { matrix: name, rows, columns, left, right }: Decomposition,
  model: Pick<Model<never>, "matrices" | "name">,
  weights: NamedArrays,
  engine: Decomposer,
  moment: string,
): Promise<Svd> {
  const matrix = block(matrixOf(viewNamed(model, name), weights), rows, columns);
  return engine.svd(matrix, { left, right, name: `${name} (${moment})` });
}

function viewNamed(
  { matrices, name: model }: Pick<Model<never>, "matrices" | "name">,
  name: string,
): MatrixView {
  const view = matrices.find((candidate) => candidate.name === name);
  if (!view) throw new RangeError(`snapshot: model ${model} has no matrix "${name}"`);
  return view;
}
