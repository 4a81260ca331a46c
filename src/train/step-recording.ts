import { chosenBackend } from "../backend/chosen.js";
import { BackendError } from "../core/errors.js";
import type { RecordedCommand } from "../backend/recording.js";
import { Batches } from "./batches.js";
import type { Experiment } from "./experiment.js";
import { RecordedStepper } from "./recorded-stepper.js";
import { initialisation, stateOf } from "./start.js";

/** Steps within which a recording is there: one is composed, two are recorded; short last batches come in between. */
const ENOUGH = 12;

/**
 * The commands of one training step of an experiment as the chosen backend replays it. Makes a few steps of seed 0, and keeps
 * nothing of them.
 * @throws BackendError if the backend does not record, or composes these steps, with the reason
 */
export function stepRecording<Batch>({
  model,
  optimiser,
  training,
  batching,
}: Experiment<Batch>): RecordedCommand[] {
  const backend = chosenBackend();
  if (!backend?.recorder)
    throw new BackendError(`backend "${backend?.name}" does not record steps; webgpu does`);
  const state = stateOf("doctor", initialisation(model, 0), optimiser);
  let why = `no kind of batch was met often enough in ${ENOUGH} steps`;
  const stepper = new RecordedStepper(model, optimiser, state, backend.recorder, (reason) => (why = reason));
  const batches = new Batches(training, batching, 0);
  try {
    for (let step = 0; step < ENOUGH && !stepper.recording; step++) {
      const held = batches.of(step);
      stepper.step(held, step).dispose();
      batches.release(held);
    }
    if (!stepper.recording) throw new BackendError(`steps of ${model.name} are composed: ${why}`);
    return stepper.recording.list();
  } finally {
    batches.dispose();
    stepper.dispose();
  }
}
