/**
 * Memory of the kernel: a stack of 64-byte aligned blocks above the program's own data. A function takes a
 * `mark`, allocates what it needs, and `release`s back to the mark; nothing is ever freed one by one.
 */
let top: usize = 0;

/** The present top of the stack. */
export function mark(): usize {
  if (top == 0) top = (__heap_base + 63) & ~63;
  return top;
}

/** Frees everything allocated since `mark()` returned `position`. */
export function release(position: usize): void {
  top = position;
}

/** `bytes` bytes, not cleared; traps when the engine has no more memory. */
export function allocate(bytes: usize): usize {
  const block = mark();
  top = (block + bytes + 63) & ~63;
  const available = (<usize>memory.size()) << 16;
  if (top < block || top > available) {
    const pages = <i32>((top - available + 65535) >> 16);
    if (top < block || memory.grow(pages) < 0) unreachable();
  }
  return block;
}

/** Room for `count` float64 numbers. */
export function doubles(count: i32): usize {
  return allocate((<usize>count) << 3);
}

/** Room for `count` int32 numbers. */
export function integers(count: i32): usize {
  return allocate((<usize>count) << 2);
}

/** Address of float64 number `i` of the array at `p`. */
export function at(p: usize, i: i32): usize {
  return p + ((<usize>i) << 3);
}

export function get(p: usize, i: i32): f64 {
  return load<f64>(p + ((<usize>i) << 3));
}

export function set(p: usize, i: i32, value: f64): void {
  store<f64>(p + ((<usize>i) << 3), value);
}

/** Numbers `i` and `i + 1` as one vector. */
export function getPair(p: usize, i: i32): v128 {
  return v128.load(p + ((<usize>i) << 3));
}

export function setPair(p: usize, i: i32, value: v128): void {
  v128.store(p + ((<usize>i) << 3), value);
}

export function getInteger(p: usize, i: i32): i32 {
  return load<i32>(p + ((<usize>i) << 2));
}

export function setInteger(p: usize, i: i32, value: i32): void {
  store<i32>(p + ((<usize>i) << 2), value);
}

export function setSingle(p: usize, i: i32, value: f64): void {
  store<f32>(p + ((<usize>i) << 2), <f32>value);
}

export function clear(p: usize, count: i32): void {
  memory.fill(p, 0, (<usize>count) << 3);
}

export function copy(target: usize, source: usize, count: i32): void {
  memory.copy(target, source, (<usize>count) << 3);
}
