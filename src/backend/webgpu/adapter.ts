import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { create, globals } from "webgpu";
import { BackendError, messageOf } from "../../core/errors.js";

/**
 * Puts Dawn's implementation of WebGPU where programs written for browsers look for it: `navigator.gpu` and the
 * `GPU...` constants. Must run before TensorFlow.js's WebGPU backend is imported.
 * SPECTRAL_DAWN_TOGGLES lists Dawn toggles ("disable_robustness,...") for experiments; SPECTRAL_TENSOR_CORES=0 leaves
 * away those that show what tensor cores need.
 */
export function installWebGpu(): GPU {
  const present = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (present) return present;
  Object.assign(globalThis, globals);
  const toggles = [
    ...(process.env.SPECTRAL_TENSOR_CORES === "0" ? [] : tensorCoreToggles),
    ...(process.env.SPECTRAL_DAWN_TOGGLES?.split(",") ?? []),
  ];
  const gpu = create([
    ...(toggles.length > 0 ? [`enable-dawn-features=${toggles.join()}`] : []),
    "disable-dawn-features=timestamp_quantization", // a browser's caution: it rounds the device's clock to 65 us
  ]);
  const navigator = (globalThis.navigator as object | undefined) ?? {}; // Node 20 has none
  Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  if (!globalThis.navigator)
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  return gpu;
}

/** Dawn shows subgroup matrices only as an experiment, and float16 on NVIDIA only where asked. Nothing else changes. */
const tensorCoreToggles = ["allow_unsafe_apis", "vulkan_enable_f16_on_nvidia"];

/** Features of a device whose tensor cores our kernels use. */
const tensorCoreFeatures = [
  "shader-f16",
  "subgroups",
  "chromium-experimental-subgroup-matrix",
] as GPUFeatureName[];

/**
 * What products run on where the adapter has what `tensorGemm` is written for: subgroups of 32 threads that multiply
 * 16 x 16 matrices of float16 and add in float32, and 48 KiB of workgroup memory. Undefined elsewhere, and with
 * SPECTRAL_TENSOR_CORES=0.
 */
export function tensorCores(adapter: GPUAdapter): string | undefined {
  if (process.env.SPECTRAL_TENSOR_CORES === "0") return undefined;
  if (!tensorCoreFeatures.every((feature) => adapter.features.has(feature))) return undefined;
  const info = adapter.info as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> };
  const fits = ({ componentType, resultComponentType, M, N, K }: SubgroupMatrixConfig): boolean =>
    componentType === "f16" && resultComponentType === "f32" && M === 16 && N === 16 && K === 16;
  const found =
    adapter.limits.maxComputeWorkgroupStorageSize >= 49152 &&
    info.subgroupMinSize === 32 &&
    info.subgroupMaxSize === 32 &&
    [...(info.subgroupMatrixConfigs ?? [])].some(fits);
  return found ? "float32 in split float16 on tensor cores" : undefined;
}

interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** The fastest adapter, software renderers included; undefined where there is no driver. */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter | undefined> {
  if (vulkanProblem() !== undefined) return undefined;
  return (await gpu.requestAdapter({ powerPreference: "high-performance" })) ?? undefined;
}

/**
 * What keeps Vulkan from working at all on Linux; undefined where nothing is known to, and on other systems. Dawn would
 * find out too, but prints warnings of its own.
 */
export function vulkanProblem(): string | undefined {
  if (process.platform !== "linux") return undefined;
  if (!vulkanLoads()) return "the Vulkan loader libvulkan.so.1 is not installed";
  return hasVulkanDriver(process.env) ? undefined : "no Vulkan driver is installed (vulkan/icd.d/*.json)";
}

function vulkanLoads(): boolean {
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1");
    return true;
  } catch (error) {
    return !messageOf(error).includes("cannot open"); // it loads, and then is no module of Node's
  }
}

/** Whether drivers are named by the environment or lie where the Vulkan loader looks for them. */
function hasVulkanDriver(env: NodeJS.ProcessEnv): boolean {
  const named = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES ?? env.VK_ADD_DRIVER_FILES;
  if (named) return named.split(":").some((path) => existsSync(path));
  const home = env.HOME ?? "/";
  const roots = [
    env.XDG_CONFIG_HOME ?? join(home, ".config"),
    ...(env.XDG_CONFIG_DIRS ?? "/etc/xdg").split(":"),
    "/etc",
    "/usr/local/etc",
    env.XDG_DATA_HOME ?? join(home, ".local/share"),
    ...(env.XDG_DATA_DIRS ?? "").split(":"),
    "/usr/local/share",
    "/usr/share",
    "/run/opengl-driver/share",
  ];
  return roots.some((root) => {
    const folder = join(root, "vulkan/icd.d");
    return existsSync(folder) && readdirSync(folder).some((file) => file.endsWith(".json"));
  });
}

/** Whether the adapter is a software renderer, which is for tests only. */
export function isSoftware(adapter: GPUAdapter): boolean {
  const { isFallbackAdapter, architecture, description } = adapter.info as GPUAdapterInfo & {
    isFallbackAdapter?: boolean;
  };
  return (
    isFallbackAdapter === true ||
    /software|llvmpipe|lavapipe|swiftshader/i.test(`${architecture} ${description}`)
  );
}

/** A device with every limit raised to what the adapter can do. */
export function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const limits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[name] = value;
  }
  const wanted: GPUFeatureName[] = ["timestamp-query", ...(tensorCores(adapter) ? tensorCoreFeatures : [])];
  return adapter.requestDevice({
    requiredLimits: limits,
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)),
  });
}

/** Records what goes wrong on a device, so that it can be thrown where somebody waits for a result. */
export class DeviceWatch {
  private failure: string | undefined;
  private stopped = false;

  constructor(device: GPUDevice, name: string) {
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault(); // no report of its own: the failure is thrown at the next read
      this.failure ??= `${name} reported: ${event.error.message.trim()}`;
    });
    void device.lost.then((info) => {
      this.failure ??= `${name} was lost (${info.reason ?? "unknown"}): ${info.message}`;
    });
  }

  /** Forgets the device: destroying it on purpose is no failure. */
  stop(): void {
    this.stopped = true;
  }

  /** @throws BackendError if the device failed at any time since the watch began */
  check(): void {
    if (this.failure === undefined || this.stopped) return;
    throw new BackendError(
      `backend "webgpu": ${this.failure}\nResults since then are lost: resume from the last checkpoint, if need be with a smaller batch.`,
    );
  }
}
