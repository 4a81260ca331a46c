/** Does some work while SIGINT and SIGTERM abort `stop` instead of ending the process. */
export async function stoppable<T>(stop: AbortController, work: () => Promise<T>): Promise<T> {
  const interrupt = (): void => stop.abort();
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    return await work();
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
