/**
 * Kernels that work on TensorFlow.js's own WebAssembly memory: single-threaded, float32, SIMD. They allocate nothing.
 * Pointers are byte addresses of dense row-major float32 arrays (int32 where it is said); counts, strides and pitches are
 * in elements. Arrays that are written overlap no other, unless it is said; the others are only read.
 */
export { columnMoments, normaliseColumns, normaliseColumnsGradient } from "./batch-norm";
export { broadcast } from "./broadcast";
export { causalSoftmax, causalSoftmaxGradient } from "./causal-softmax";
export { exp, tanh } from "./elementwise";
export { normaliseRows, normaliseRowsGradient } from "./layer-norm";
export { lstmBackward, lstmForward } from "./lstm";
export { filterGradient, multiplyBatch, transposeBatch } from "./multiply";
export { adamw, sgd } from "./optimiser";
export { maxPoolGradient } from "./pooling";
export { sumMiddle, sumSegments } from "./sums";
export { transpose } from "./transpose";
export { fold, unfold } from "./unfold";
