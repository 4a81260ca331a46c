import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { BackendError } from "../../core/errors.js";
import type { Recorder } from "../recording.js";
import { BufferPool, type PoolCounters, type PooledBuffer, type Store } from "./pool.js";
import { type Command, differenceOf, WebGpuRecording } from "./recording.js";
import { elementwise, runMany, type ManyShader } from "./many.js";
import { declareBindings, flatGrid, words, type Grid, type Shader, type ShaderRunner } from "./shader.js";
import { timeCommands } from "./timestamps.js";
import { Stock, type StockProgram, type StockUniforms, type TensorData } from "./stock.js";

/** A compute pipeline with what we looked up of it once. */
interface Pipeline {
  readonly serial: number;
  /** Name for people. */
  readonly program: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

interface UniformBuffer {
  readonly serial: number;
  readonly buffer: GPUBuffer;
}

/** Counts since start, for finding out where host time goes. */
export interface DispatchCounters extends PoolCounters {
  readonly dispatches: number;
  readonly submissions: number;
  readonly bindGroupsMade: number;
  readonly uniformBuffersMade: number;
  readonly uploads: number;
  readonly pipelines: number;
}

const dispatchesPerSubmission = 64;
const cacheLimit = 16384;

/**
 * TensorFlow.js's WebGPU backend with cheaper book-keeping. A training step runs the same operations on the same sizes
 * over and over, so bind groups, uniform buffers and one-element constants are kept and looked up by content, and
 * buffers come from a pool that gives equal steps equal buffers. A freed buffer is used again at once (the queue runs in
 * order); only writes from the host, which overtake commands that are recorded but not submitted, submit those first.
 */
export class PooledWebGpu extends Stock implements Recorder, ShaderRunner {
  /** Whether kernels may multiply on tensor cores: the device was made with what they need. */
  readonly tensorCores: boolean;
  private readonly pool: BufferPool;
  private readonly pipelines = new Map<GPUComputePipeline | string, Pipeline>();
  private readonly bindGroups = new Map<string, GPUBindGroup>();
  private readonly uniformBuffers = new Map<string, UniformBuffer>();
  private readonly constants = new Map<number, PooledBuffer>();
  private boundPipeline: GPUComputePipeline | undefined;
  private recording: WebGpuRecording | undefined;
  /** Buffers of what recorded steps compute. */
  private readonly recordings: Store = new Map();
  /** Buffers of what they read that came from the host: apart, so that all recordings of a step take the same of the others. */
  private readonly written: Store = new Map();
  private recordingsAlive = 0;
  private serials = 0;
  /** Number of submissions made: a buffer whose `submission` equals it is in use by commands not yet submitted. */
  private submission = 0;
  private count = { dispatches: 0, bindGroupsMade: 0, uniformBuffersMade: 0, uploads: 0 };

  constructor(device: GPUDevice, info: GPUAdapterInfo) {
    super(device, info);
    this.pool = new BufferPool(device, () => {
      this.submitQueue(); // a command that uses a destroyed buffer must be submitted before
      this.bindGroups.clear();
    });
    this.bufferManager = this.pool;
    this.tensorCores = device.features.has("chromium-experimental-subgroup-matrix" as GPUFeatureName);
    const limits: Record<string, number> = {};
    for (const name in device.limits)
      limits[name] = device.limits[name as keyof GPUSupportedLimits] as number;
    Object.defineProperty(device, "limits", { value: limits }); // the stock backend asks the driver for them at each operation
  }

  counters(): DispatchCounters {
    const { count, submission: submissions } = this;
    return { ...this.pool.counters(), ...count, submissions, pipelines: this.pipelines.size };
  }

  /** Runs one of our shaders. Inputs are uploaded if need be; outputs with content are written over. */
  run(
    shader: Shader,
    outputs: readonly tf.TensorInfo[],
    inputs: readonly tf.TensorInfo[],
    uniforms: Uint32Array,
    grid: Grid,
  ): void {
    const converted = inputs.map((tensor) => this.asDeclared(tensor));
    for (const { dataId } of outputs) {
      this.uploadToGPU(dataId);
      this.makeOwn(this.tensorMap.get(dataId));
    }
    const buffers = [...outputs, ...converted].map((tensor) => this.bufferOf(tensor));
    const uniform = this.uniformBuffer(`raw,${uniforms.join()}`, () => uniforms);
    this.dispatch(this.pipelineOf(shader), uniform, buffers, grid);
    this.submitIfDue();
    converted.forEach((tensor, i) => tensor !== inputs[i] && this.disposeData(tensor.dataId));
  }

  own<T extends tf.Tensor>(tensor: T): T {
    const info = this.makeTensorInfo(tensor.shape, tensor.dtype);
    this.uploadToGPU(info.dataId);
    const copy = tf.engine().makeTensorFromTensorInfo(info) as T;
    this.assign(copy, tensor);
    return copy;
  }

  assign(to: tf.Tensor, from: tf.Tensor): void {
    const [source, target] = [from, to].map(({ dataId }) => this.tensorMap.get(dataId));
    if (
      source.dtype !== target.dtype ||
      tf.util.sizeFromShape(source.shape) !== tf.util.sizeFromShape(target.shape)
    )
      throw new BackendError(
        `backend "webgpu": expected ${target.dtype} of ${target.shape.join(" x ")}, found ${source.dtype} of ${source.shape.join(" x ")}`,
      );
    if (source.values && !this.recording) this.hostWrite(target.resource!, hostWords(source));
    else this.copy(this.bufferOf(from), target.resource!, 4 * sizeOf(target.shape));
  }

  assignAll(pairs: readonly (readonly [to: tf.Tensor, from: tf.Tensor])[]): void {
    const members = pairs.map(([to, from]) => ({ written: [to], read: [from] }));
    runMany(this, copyShader, members, { written: [], read: [] }, []);
  }

  record(action: () => void): WebGpuRecording {
    const recording = new WebGpuRecording((buffers) => this.forget(buffers));
    this.recording = recording;
    this.recordingsAlive++;
    try {
      this.pool.within(this.recordings, action);
      return recording;
    } finally {
      this.recording = undefined;
    }
  }

  /** A recording is gone: without any, nothing holds the buffers of their stores. */
  private forget(written: readonly PooledBuffer[]): void {
    for (const buffer of written) this.pool.releaseBuffer(buffer);
    this.recordingsAlive--;
    if (this.recordingsAlive > 0) return;
    this.pool.drop(this.recordings);
    this.pool.drop(this.written);
  }

  difference(one: WebGpuRecording, other: WebGpuRecording): string | undefined {
    return differenceOf(one, other);
  }

  replay({ commands }: WebGpuRecording): void {
    this.submitQueue();
    for (const command of commands) {
      if (command.kind === "copy") this.encodeCopy(command.buffers[0], command.buffers[1], command.bytes);
      else {
        this.encodeDispatch(command.pipeline, command.group, command.grid);
        this.submitIfDue();
      }
    }
    this.submitQueue();
  }

  async timePrograms({ commands }: WebGpuRecording): ReturnType<Recorder["timePrograms"]> {
    this.submitQueue();
    return this.device.features.has("timestamp-query")
      ? await timeCommands(this.device, commands)
      : undefined;
  }

  /** Submits what is recorded and waits until the device has done it. */
  async finish(): Promise<void> {
    this.submitQueue();
    await this.queue.onSubmittedWorkDone();
  }

  override memory(): { numBytesInGPU: number; numBytesAllocatedInGPU: number; unreliable: boolean } {
    const { numBytesUsed, numBytesAllocated } = this.pool;
    return { numBytesInGPU: numBytesUsed, numBytesAllocatedInGPU: numBytesAllocated, unreliable: false };
  }

  override submitQueue(): void {
    if (!this.commandEncoder) return;
    this.endComputePassEncoder();
    super.submitQueue();
    this.boundPipeline = undefined;
    this.submission++;
  }

  override uploadToGPU(dataId: object): void {
    const data = this.tensorMap.get(dataId);
    if (data.resource != null) return;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const bytes = 4 * sizeOf(data.shape);
    if (!data.values) {
      data.resource = this.pool.acquireBuffer(bytes, usage);
      return;
    }
    const host = hostWords(data);
    data.values = null;
    const constant = bytes === 4 ? this.constant(host[0]) : undefined;
    if (constant) {
      data.resource = constant;
      data.external = true;
      return;
    }
    data.resource = this.acquireForHost(bytes, usage);
    this.hostWrite(data.resource, host);
    if (!this.recording) return;
    data.external = true; // the recording keeps it: a replay reads it again
    this.recording.writes.push({ buffer: data.resource, content: host.slice() });
  }

  override recordAndSubmit(
    program: StockProgram,
    output: tf.TensorInfo,
    inputs: tf.TensorInfo[],
    uniforms: StockUniforms = [],
  ): void {
    if (program.pixelsOpType != null || this.activeTimers != null) {
      this.unrecordable("an image or a timed operation");
      super.recordAndSubmit(program, output, inputs, uniforms);
      return;
    }
    this.makeOwn(this.tensorMap.get(output.dataId));
    const tensors = [output, ...inputs];
    const buffers = tensors.map((tensor) => this.tensorMap.get(tensor.dataId).resource!);
    const pipeline = this.pipelineFrom(program.pipeline);
    const uniform = this.uniformBuffer(uniformKey(program, tensors, uniforms), () =>
      packUniforms(stockUniforms(program, output, inputs, uniforms)),
    );
    this.dispatch(pipeline, uniform, buffers, program.dispatch);
    this.submitIfDue();
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    this.unrecordable("a read");
    const data = this.tensorMap.get(dataId);
    if (data.values != null || data.dtype === "complex64" || !data.resource) return super.read(dataId);
    const bytes = 4 * sizeOf(data.shape);
    const staging = this.pool.acquireBuffer(bytes, GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ);
    this.commandEncoder ??= this.device.createCommandEncoder();
    this.endComputePassEncoder();
    this.commandEncoder.copyBufferToBuffer(data.resource, 0, staging, 0, bytes);
    this.submitQueue();
    await staging.mapAsync(GPUMapMode.READ, 0, bytes);
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    this.pool.releaseBuffer(staging);
    if (data.dtype === "float32") return new Float32Array(copy);
    return data.dtype === "bool" ? Uint8Array.from(new Int32Array(copy)) : new Int32Array(copy);
  }

  override dispose(): void {
    this.bindGroups.clear();
    this.uniformBuffers.clear();
    this.constants.clear();
    super.dispose();
    this.device.destroy();
  }

  /** The stock backend casts integers to floats in name only: here is a tensor whose words are what its dtype says. */
  private asDeclared(tensor: tf.TensorInfo): tf.TensorInfo {
    if (tensor.dtype !== "float32" || this.tensorMap.get(tensor.dataId).dtype === "float32") return tensor;
    const floats = this.makeTensorInfo(tensor.shape, "float32");
    const size = sizeOf(tensor.shape);
    const { grid, row } = flatGrid(size, 64);
    this.run(toFloats, [floats], [{ ...tensor, dtype: "int32" }], words(size, row), grid);
    return floats;
  }

  private bufferOf(tensor: tf.TensorInfo): PooledBuffer {
    this.uploadToGPU(tensor.dataId);
    return this.tensorMap.get(tensor.dataId).resource!;
  }

  /** A buffer that holds one 32-bit word and is never written again, shared by all tensors with that content; undefined when too many are held. */
  private constant(word: number): PooledBuffer | undefined {
    let buffer = this.constants.get(word);
    if (!buffer && this.constants.size < cacheLimit) {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      buffer = this.acquireForHost(4, usage);
      this.hostWrite(buffer, Uint32Array.of(word));
      this.constants.set(word, buffer);
    }
    return buffer;
  }

  private acquireForHost(bytes: number, usage: number): PooledBuffer {
    const acquire = (): PooledBuffer => this.pool.acquireBuffer(bytes, usage);
    return this.recording ? this.pool.within(this.written, acquire) : acquire();
  }

  /** A few kernels write into a tensor that has content: it must not be shared. */
  private makeOwn(data: TensorData): void {
    if (!data.external || !data.resource) return;
    const bytes = 4 * sizeOf(data.shape);
    const own = this.pool.acquireBuffer(bytes, data.resource.usage);
    this.copy(data.resource, own, bytes);
    data.resource = own;
    data.external = false;
  }

  /** Writes from the host, after all commands recorded so far. */
  private hostWrite(buffer: PooledBuffer, content: Uint32Array): void {
    if (buffer.submission === this.submission) this.submitQueue();
    this.queue.writeBuffer(buffer, 0, content.buffer as ArrayBuffer, content.byteOffset, content.byteLength);
    this.count.uploads++;
  }

  /** Says that what happens now is no part of a recording. */
  private unrecordable(what: string): void {
    if (this.recording) this.recording.problem ??= `${what} in the middle of a step`;
  }

  private copy(from: PooledBuffer, to: PooledBuffer, bytes: number): void {
    this.encodeCopy(from, to, bytes);
    from.submission = to.submission = this.submission;
    this.recording?.commands.push({ kind: "copy", buffers: [from, to], bytes });
  }

  private encodeCopy(from: GPUBuffer, to: GPUBuffer, bytes: number): void {
    this.commandEncoder ??= this.device.createCommandEncoder();
    this.endComputePassEncoder();
    this.boundPipeline = undefined;
    this.commandEncoder.copyBufferToBuffer(from, 0, to, 0, bytes);
  }

  private dispatch(
    { pipeline, layout, serial, program }: Pipeline,
    uniform: UniformBuffer,
    buffers: PooledBuffer[],
    grid: Grid,
  ): void {
    const group = this.bindGroup({ layout, serial }, buffers, uniform);
    this.encodeDispatch(pipeline, group, grid);
    for (const buffer of buffers) buffer.submission = this.submission;
    if (!this.recording) return;
    const command: Command = {
      ...{ kind: "dispatch", program, pipeline, uniform: uniform.serial, group, buffers: [...buffers] },
      grid: [...grid],
    };
    this.recording.commands.push(command);
  }

  private encodeDispatch(pipeline: GPUComputePipeline, group: GPUBindGroup, grid: Grid): void {
    this.commandEncoder ??= this.device.createCommandEncoder();
    if (!this.computePassEncoder) {
      this.computePassEncoder = this.commandEncoder.beginComputePass();
      this.boundPipeline = undefined;
    }
    const pass = this.computePassEncoder;
    if (this.boundPipeline !== pipeline) pass.setPipeline((this.boundPipeline = pipeline));
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    this.dispatchCountInPass++;
    this.count.dispatches++;
  }

  private submitIfDue(): void {
    if (this.dispatchCountInPass >= dispatchesPerSubmission) this.submitQueue();
  }

  private pipelineFrom(pipeline: GPUComputePipeline): Pipeline {
    let known = this.pipelines.get(pipeline);
    if (!known) {
      known = {
        serial: ++this.serials,
        program: pipeline.label || "unnamed",
        pipeline,
        layout: pipeline.getBindGroupLayout(0),
      };
      this.pipelines.set(pipeline, known);
    }
    return known;
  }

  private pipelineOf(shader: Shader): Pipeline {
    let known = this.pipelines.get(shader.key);
    if (!known) {
      const { device } = this;
      const layout = device.createBindGroupLayout({ entries: layoutEntries(shader) });
      const pipeline = device.createComputePipeline({
        label: shader.key,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: {
          module: device.createShaderModule({ label: shader.key, code: shader.code() }),
          entryPoint: "main",
        },
      });
      known = { serial: ++this.serials, program: shader.key, pipeline, layout };
      this.pipelines.set(shader.key, known);
    }
    return known;
  }

  private uniformBuffer(key: string, content: () => Uint32Array): UniformBuffer {
    let known = this.uniformBuffers.get(key);
    if (!known) {
      if (this.uniformBuffers.size >= cacheLimit) this.uniformBuffers.clear();
      const packed = content();
      const size = Math.ceil(packed.byteLength / 16) * 16;
      const buffer = this.device.createBuffer({
        size,
        usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      });
      this.queue.writeBuffer(buffer, 0, packed.buffer as ArrayBuffer, packed.byteOffset, packed.byteLength);
      this.count.uniformBuffersMade++;
      known = { serial: ++this.serials, buffer };
      this.uniformBuffers.set(key, known);
    }
    return known;
  }

  private bindGroup(
    pipeline: Pick<Pipeline, "serial" | "layout">,
    buffers: PooledBuffer[],
    uniform: UniformBuffer,
  ): GPUBindGroup {
    let key = `${pipeline.serial},${uniform.serial}`;
    for (const buffer of buffers) key += `,${buffer.serial}`;
    let group = this.bindGroups.get(key);
    if (!group) {
      if (this.bindGroups.size >= cacheLimit) this.bindGroups.clear();
      const entries = [...buffers, uniform.buffer].map((buffer, binding) => ({
        binding,
        resource: { buffer },
      }));
      group = this.device.createBindGroup({ layout: pipeline.layout, entries });
      this.count.bindGroupsMade++;
      this.bindGroups.set(key, group);
    }
    return group;
  }
}

const toFloats: Shader = {
  key: "integers to floats",
  outputs: 1,
  inputs: 1,
  code: () => `${declareBindings(["floats"], ["integers : i32"], ["n", "row"])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i < u.n) { floats[i] = f32(integers[i]); }
}`,
};

function layoutEntries({ outputs, inputs }: Shader): GPUBindGroupLayoutEntry[] {
  const types: GPUBufferBindingType[] = [
    ...Array<GPUBufferBindingType>(outputs).fill("storage"),
    ...Array<GPUBufferBindingType>(inputs).fill("read-only-storage"),
    "uniform",
  ];
  return types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
}

/** The tensor's host values as the 32-bit words that the device holds (booleans are 32-bit integers there). */
function hostWords({ values, dtype }: TensorData): Uint32Array {
  const typed =
    dtype === "float32"
      ? values instanceof Float32Array
        ? values
        : Float32Array.from(values as ArrayLike<number>)
      : values instanceof Int32Array
        ? values
        : Int32Array.from(values as ArrayLike<number>);
  return new Uint32Array(typed.buffer, typed.byteOffset, typed.length);
}

function uniformKey(
  program: StockProgram,
  tensors: readonly tf.TensorInfo[],
  uniforms: StockUniforms,
): string {
  let key = "";
  for (const tensor of tensors) key += `${tensor.shape.join()};`;
  if (program.size) key += `#${program.outputComponent ?? 1}#${program.outputShape.join()}`;
  for (const { type, data } of uniforms) key += `|${type[0]}${data.join()}`;
  return key;
}

/** The stock backend's uniforms in its order: NaN, infinity, shapes and strides of inputs and output, size, the program's own. */
function stockUniforms(
  program: StockProgram,
  output: tf.TensorInfo,
  inputs: readonly tf.TensorInfo[],
  own: StockUniforms,
): StockUniforms {
  const list: StockUniforms = [
    { type: "float32", data: [NaN] },
    { type: "float32", data: [Infinity] },
  ];
  for (const { shape } of [...inputs, output]) {
    list.push({ type: "int32", data: shape }, { type: "int32", data: tf.util.computeStrides(shape) });
  }
  if (program.size)
    list.push({ type: "int32", data: [sizeOf(program.outputShape) / (program.outputComponent || 1)] });
  return [...list, ...own];
}

/** Lays uniforms out by WGSL's alignment rules as the stock backend declares them: scalars, vectors, and structs for rank 5 and 6. */
function packUniforms(uniforms: StockUniforms): Uint32Array {
  const alignments = [4, 4, 8, 16, 16, 16, 16];
  let offset = 0;
  let widest = 4;
  let previous = 0;
  const placed = uniforms.map(({ type, data }) => {
    const values = data.length === 0 ? [1] : data;
    const alignment = previous > 4 ? 16 : alignments[values.length];
    widest = Math.max(widest, alignment);
    offset = Math.ceil(offset / alignment) * alignment;
    previous = values.length;
    const start = offset / 4;
    offset += 4 * values.length;
    return { type, values, start };
  });
  const packed = new Uint32Array(Math.ceil(offset / widest) * (widest / 4));
  const views: Record<string, Int32Array | Float32Array | Uint32Array> = {
    int32: new Int32Array(packed.buffer),
    uint32: packed,
    float32: new Float32Array(packed.buffer),
  };
  for (const { type, values, start } of placed) views[type].set(values, start);
  return packed;
}

/** Words as they are, floats or integers. */
const copyShader: ManyShader = {
  key: "copy",
  written: ["to : u32"],
  read: ["from_ : u32"],
  fields: [],
  block: (of) => elementwise(`${of("to")}[i] = ${of("from_")}[i];`),
};
