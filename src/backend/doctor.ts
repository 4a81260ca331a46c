import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import * as tf from "@tensorflow/tfjs";
import { messageOf } from "../core/errors.js";
import { loadBlas } from "../linalg/blas.js";
import { backendNames, type BackendName } from "./backend.js";
import { chosenBackend } from "./chosen.js";
import { startTensorFlow } from "./tensorflow/start.js";

/** What `spectral doctor` says of one backend. */
export interface BackendReport {
  readonly backend: BackendName;
  /** Whether `startBackend` would use it if asked by name. */
  readonly present: boolean;
  /** The device it would compute on, where known. */
  readonly device?: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What is wrong, where something is. */
  readonly problem?: string;
  /** What to do about it. */
  readonly advice?: string;
}

/**
 * Looks at every backend without choosing one (native TensorFlow has to be loaded to see whether it loads).
 * @returns one row each, in order of preference
 */
export async function examineBackends(): Promise<BackendReport[]> {
  const [gpu, cpu] = [await examineTensorFlow(true), await examineTensorFlow(false)];
  const chosen = chosenBackend();
  if (chosen) await tf.setBackend(chosen.engineName); // native TensorFlow makes itself the current one
  const rows = [gpu, await examineWebGpu(), cpu, await examineWasm(), examineJs()];
  return backendNames.map((name) => rows.find(({ backend }) => backend === name)!);
}

async function examineTensorFlow(gpu: boolean): Promise<BackendReport> {
  const backend = gpu ? "tensorflow-gpu" : "tensorflow";
  try {
    const { device, versions } = await startTensorFlow({ gpu });
    return { backend, present: true, device, versions };
  } catch (error) {
    const advice = gpu
      ? 'Optional: WebGPU does as well. Needs CUDA 11.x and cuDNN 8 on the library path and the binary of @tensorflow/tfjs-node-gpu ("npm rebuild @tensorflow/tfjs-node-gpu").'
      : 'Optional: WebAssembly takes its place. "npm rebuild @tensorflow/tfjs-node-gpu" fetches the binary where the network allows.';
    return { backend, present: false, versions: {}, problem: messageOf(error), advice };
  }
}

async function examineWebGpu(): Promise<BackendReport> {
  const row = { backend: "webgpu", versions: {} } as const;
  try {
    const { findAdapter, installWebGpu, isSoftware, tensorCores, vulkanProblem } =
      await import("./webgpu/adapter.js");
    const adapter = await findAdapter(installWebGpu());
    if (!adapter) {
      const problem = vulkanProblem() ?? "no graphics driver answers";
      return { ...row, present: false, problem, advice: driverAdvice() };
    }
    const { device, description } = adapter.info;
    const products = tensorCores(adapter);
    const versions = { driver: description, ...(products && { products }) };
    const found = { ...row, present: true, device: device || description, versions };
    if (!isSoftware(adapter)) return found;
    const problem =
      "the only adapter is a software renderer: used only with SPECTRAL_BACKEND=webgpu, for tests";
    return { ...found, problem, advice: driverAdvice() };
  } catch (error) {
    const advice = 'Reinstall with "npm ci": the package "webgpu" carries Dawn for Linux, macOS and Windows.';
    return { ...row, present: false, problem: messageOf(error), advice };
  }
}

/** X11 and GLX libraries that NVIDIA's Vulkan driver links, as Debian and Ubuntu name them. */
const nvidiaLibraries =
  "libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2 libx11-6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0 libxext6";

/** How this machine gets a driver that WebGPU can use, by its GPU's vendor. */
function driverAdvice(): string {
  if (process.platform === "darwin") return "Metal comes with macOS: update macOS.";
  if (process.platform === "win32")
    return "Direct3D 12 comes with Windows 10 and later: update the graphics driver.";
  const advice: Record<string, string> = {
    nvidia: `NVIDIA: install the proprietary driver with its Vulkan part (nvidia_icd.json; in containers NVIDIA_DRIVER_CAPABILITIES=all) and "apt-get install ${nvidiaLibraries}".`,
    amd: 'AMD: "apt-get install mesa-vulkan-drivers libvulkan1", Mesa 23 or later (Debian 12: from bookworm-backports).',
    intel:
      'Intel: "apt-get install mesa-vulkan-drivers libvulkan1", Mesa 23 or later (Debian 12: from bookworm-backports).',
  };
  const vendors = graphicsVendors();
  if (vendors.length > 0) return vendors.map((vendor) => advice[vendor]).join(" ");
  return `No GPU is visible to this system. With one: ${Object.values(advice).join(" ")}`;
}

/** Vendors of the GPUs that Linux shows, by their PCI numbers or device files. */
function graphicsVendors(): string[] {
  const names: Record<string, string> = { "0x10de": "nvidia", "0x1002": "amd", "0x8086": "intel" };
  const found = new Set<string>();
  if (existsSync("/dev/nvidiactl")) found.add("nvidia");
  const cards = "/sys/class/drm";
  for (const card of existsSync(cards) ? readdirSync(cards) : []) {
    const vendor = names[readVendor(`${cards}/${card}/device/vendor`)];
    if (vendor) found.add(vendor);
  }
  return [...found];
}

function readVendor(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return ""; // a connector, or a device without a PCI number
  }
}

async function examineWasm(): Promise<BackendReport> {
  try {
    const { version_wasm } = await import("@tensorflow/tfjs-backend-wasm");
    const row = { backend: "wasm", present: true, device: processor() } as const;
    const versions = { "tfjs-backend-wasm": version_wasm };
    try {
      return { ...row, versions: { ...versions, blas: loadBlas().description } };
    } catch (error) {
      const advice = `Optional: a BLAS computes its products and convolutions several times as fast. ${blasAdvice()}`;
      return { ...row, versions, problem: messageOf(error), advice };
    }
  } catch (error) {
    const advice = 'Reinstall with "npm ci".';
    return { backend: "wasm", present: false, versions: {}, problem: messageOf(error), advice };
  }
}

/** How this machine gets a library that `loadBlas` finds. */
function blasAdvice(): string {
  if (process.platform === "darwin")
    return "Accelerate comes with macOS; SPECTRAL_LAPACK names another library.";
  if (process.platform === "win32")
    return "SPECTRAL_LAPACK names a library: libopenblas.dll or MKL's mkl_rt.dll.";
  return 'OpenBLAS: "apt-get install libopenblas0"; SPECTRAL_LAPACK names another library.';
}

function examineJs(): BackendReport {
  return { backend: "js", present: true, device: processor(), versions: { node: process.version } };
}

function processor(): string {
  return cpus()[0]?.model.trim() || "CPU";
}
