/** Kernels that work on TensorFlow.js's own WebAssembly memory: single-threaded, float32, SIMD. They allocate nothing. */
export { exp, tanh } from "./elementwise";
export { lstmBackward, lstmForward } from "./lstm";
export { filterGradient, multiplyBatch, transposeBatch } from "./multiply";
export { adamw, sgd } from "./optimiser";
export { maxPoolGradient } from "./pooling";
export { sumMiddle, sumSegments } from "./sums";
