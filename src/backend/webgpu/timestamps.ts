import type { Command } from "./recording.js";

/** Commands measured at a time: a query set has at most 4096 timestamps. */
const TOGETHER = 2048;

/**
 * Carries out recorded commands, each dispatch in a pass of its own, and says what each program took on the device. All together
 * take longer than in one pass, because nothing overlaps.
 * @param device with the feature "timestamp-query"
 * @returns dispatches and milliseconds by program
 */
export async function timeCommands(
  device: GPUDevice,
  commands: readonly Command[],
): Promise<Map<string, { count: number; ms: number }>> {
  const programs = new Map<string, { count: number; ms: number }>();
  for (let start = 0; start < commands.length; start += TOGETHER) {
    const part = commands.slice(start, start + TOGETHER);
    const stamps = await timestamps(device, part);
    part.forEach((command, i) => {
      if (command.kind !== "dispatch") return;
      const { count, ms } = programs.get(command.program) ?? { count: 0, ms: 0 };
      const nanoseconds = Number(stamps[2 * i + 1] - stamps[2 * i]);
      programs.set(command.program, { count: count + 1, ms: ms + nanoseconds / 1e6 });
    });
  }
  return programs;
}

/** Nanoseconds before and after each command. */
async function timestamps(device: GPUDevice, commands: readonly Command[]): Promise<BigUint64Array> {
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 * commands.length });
  const size = 16 * commands.length;
  const resolved = device.createBuffer({
    size,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const encoder = device.createCommandEncoder();
  commands.forEach((command, i) => {
    if (command.kind === "copy") {
      const [from, to] = command.buffers;
      encoder.copyBufferToBuffer(from, 0, to, 0, command.bytes);
      return;
    }
    const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [2 * i, 2 * i + 1];
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex },
    });
    pass.setPipeline(command.pipeline);
    pass.setBindGroup(0, command.group, (command.offsets ?? []) as number[]);
    pass.dispatchWorkgroups(...command.grid);
    pass.end();
  });
  encoder.resolveQuerySet(querySet, 0, 2 * commands.length, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const stamps = new BigUint64Array(staging.getMappedRange().slice(0));
  for (const buffer of [resolved, staging]) buffer.destroy();
  querySet.destroy();
  return stamps;
}
