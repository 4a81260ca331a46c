/** Host time spent inside one kind of call into the driver. */
export interface CallTime {
  calls: number;
  ms: number;
}

/**
 * Counts and times the calls into a WebGPU device from now on, to find out what a step's host time is spent on. Wraps
 * the methods of the device, its queue and the encoders' prototypes.
 * @returns totals since the last call of it
 */
export function timeCalls(device: GPUDevice): () => Record<string, CallTime> {
  let totals = new Map<string, CallTime>();
  const wrap = (owner: object, name: string): void => {
    const target = owner as Record<string, unknown>;
    const original = target[name] as (...args: unknown[]) => unknown;
    target[name] = function (this: unknown, ...args: unknown[]): unknown {
      const start = performance.now();
      const result = original.apply(this, args);
      const total = totals.get(name) ?? { calls: 0, ms: 0 };
      total.calls++;
      total.ms += performance.now() - start;
      totals.set(name, total);
      return result;
    };
  };
  const deviceCalls = [
    "createBuffer",
    "createBindGroup",
    "createComputePipeline",
    "createShaderModule",
    "createCommandEncoder",
  ];
  for (const name of deviceCalls) wrap(device, name);
  for (const name of ["submit", "writeBuffer"]) wrap(device.queue, name);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const name of ["dispatchWorkgroups", "setBindGroup", "setPipeline"])
    wrap(Object.getPrototypeOf(pass) as object, name);
  for (const name of ["finish", "beginComputePass"]) wrap(Object.getPrototypeOf(encoder) as object, name);
  pass.end();
  return () => {
    const since = Object.fromEntries(
      [...totals].map(([name, { calls, ms }]) => [name, { calls, ms: round(ms) }]),
    );
    totals = new Map();
    return since;
  };
}

/** Three significant digits, for JSON that people read. */
export function round(x: number): number {
  return Number(x.toPrecision(3));
}
