/** The longest wait of one of Node's timers, in milliseconds (24.8 days); it fires at once where more is asked. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `action` once after any number of milliseconds, also more than a timer of Node's can wait.
 * @returns what takes the call back
 */
export function startTimer(action: () => void, milliseconds: number): () => void {
  let left = milliseconds;
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const part = Math.min(left, LONGEST_TIMER_MS);
    left -= part;
    timer = setTimeout(left > 0 ? wait : action, part);
  };
  wait();
  return () => clearTimeout(timer);
}
