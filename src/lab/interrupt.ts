/**
 * The signal that asks the running cell to stop. Long work reads it once at its start, stops at its next step after it
 * is aborted, saves what it has, and throws `signal.reason` or an error named "Interrupted".
 *
 * In a notebook it is the kernel's (`globalThis[Symbol.for("spectral-lab.interrupt")].signal`, renewed for every cell):
 * Jupyter's stop button aborts it. Elsewhere Ctrl-C does; a second Ctrl-C ends the process as usual.
 */
export function interruptSignal(): AbortSignal {
  const kernel = (globalThis as { [INTERRUPT]?: { readonly signal: AbortSignal } })[INTERRUPT];
  if (kernel) return kernel.signal;
  return (ctrlC ??= nextCtrlC()).signal;
}

/** The error that a cell ends with that was asked to stop. @param message what was done and how to go on */
export function interrupted(message: string): Error {
  const error = new Error(message);
  error.name = "Interrupted";
  return error;
}

const INTERRUPT = Symbol.for("spectral-lab.interrupt");

/** What the next Ctrl-C aborts: one for all that runs, so that there is one listener however many runs there are. */
let ctrlC: AbortController | undefined;

function nextCtrlC(): AbortController {
  const controller = new AbortController();
  process.once("SIGINT", () => {
    ctrlC = undefined;
    controller.abort(interrupted("stopped by Ctrl-C"));
  });
  return controller;
}
