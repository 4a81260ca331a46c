import { randomStream, type Random } from "../../core/random.js";
import type { ImageSet } from "../images.js";

const SIZE = 28;

type Point = readonly [x: number, y: number];

/** The digits as pen strokes in a box of width and height 1, y downwards. */
const STROKES: readonly (readonly (readonly Point[])[])[] = [
  [arc(0.5, 0.5, 0.32, 0.45, 0, 360)],
  [
    [
      [0.35, 0.22],
      [0.55, 0.05],
      [0.55, 0.95],
    ],
  ],
  [[...arc(0.5, 0.3, 0.3, 0.25, 180, 390), [0.2, 0.95], [0.82, 0.95]]],
  [arc(0.48, 0.28, 0.28, 0.23, 200, 450), arc(0.48, 0.73, 0.32, 0.23, 270, 520)],
  [
    [
      [0.6, 0.05],
      [0.15, 0.65],
      [0.85, 0.65],
    ],
    [
      [0.65, 0.35],
      [0.65, 0.95],
    ],
  ],
  [[[0.8, 0.05], [0.28, 0.05], [0.24, 0.45], ...arc(0.48, 0.68, 0.32, 0.27, 240, 520)]],
  [[[0.68, 0.05], [0.32, 0.42], ...arc(0.5, 0.69, 0.29, 0.26, 180, 540)]],
  [
    [
      [0.18, 0.05],
      [0.82, 0.05],
      [0.42, 0.95],
    ],
  ],
  [arc(0.5, 0.27, 0.25, 0.22, 0, 360), arc(0.5, 0.72, 0.31, 0.23, 0, 360)],
  [[...arc(0.5, 0.31, 0.28, 0.26, 0, 360), [0.72, 0.6], [0.5, 0.95]]],
];

/**
 * Generated digits of MNIST's shape: [count, 28, 28, 1] grey images of pen strokes under a random shift, size, slant,
 * rotation and pen width, with label i mod 10. A function of `count` and the stream `standin/digits/<split>` alone.
 */
export function digits(count: number, split: "training" | "test"): ImageSet {
  const random = randomStream(0, `standin/digits/${split}`);
  const pixels = new Uint8Array(count * SIZE * SIZE);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  labels.forEach((label, i) =>
    drawDigit(label, random, pixels.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE)),
  );
  return { pixels, labels, count, height: SIZE, width: SIZE, channels: 1 };
}

function drawDigit(label: number, random: Random, image: Uint8Array): void {
  const place = randomPlacement(random);
  const pen = random.uniform(0.8, 1.6);
  for (const stroke of STROKES[label]) {
    const points = stroke.map(place);
    for (let i = 1; i < points.length; i++) drawSegment(points[i - 1], points[i], pen, image);
  }
}

/** A random similarity with slant, from the unit box to pixels. */
function randomPlacement(random: Random): (point: Point) => Point {
  const angle = random.normal(0, 0.12);
  const slant = random.normal(0, 0.15);
  const width = 14 * random.uniform(0.8, 1.1);
  const height = 20 * random.uniform(0.85, 1.05);
  const [centreX, centreY] = [14 + random.uniform(-2, 2), 14 + random.uniform(-2, 2)];
  return ([x, y]) => {
    const v = (y - 0.5) * height;
    const u = (x - 0.5) * width - slant * v;
    return [
      centreX + u * Math.cos(angle) - v * Math.sin(angle),
      centreY + u * Math.sin(angle) + v * Math.cos(angle),
    ];
  };
}

/** Draws a line with round ends: full ink within `pen` pixels of it, falling to none over one pixel more. */
function drawSegment([x0, y0]: Point, [x1, y1]: Point, pen: number, image: Uint8Array): void {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const square = dx * dx + dy * dy || 1;
  const reach = pen + 1;
  const inside = (value: number): number => Math.min(SIZE - 1, Math.max(0, value));
  for (
    let y = inside(Math.floor(Math.min(y0, y1) - reach));
    y <= inside(Math.ceil(Math.max(y0, y1) + reach));
    y++
  ) {
    for (
      let x = inside(Math.floor(Math.min(x0, x1) - reach));
      x <= inside(Math.ceil(Math.max(x0, x1) + reach));
      x++
    ) {
      const along = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / square));
      const distance = Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
      const ink = Math.round(255 * Math.min(1, Math.max(0, reach - distance)));
      image[y * SIZE + x] = Math.max(image[y * SIZE + x], ink);
    }
  }
}

/** Points on an ellipse, 20 degrees apart; 0 degrees points right and 90 down. */
function arc(x: number, y: number, rx: number, ry: number, from: number, to: number): Point[] {
  const steps = Math.ceil((to - from) / 20);
  return Array.from({ length: steps + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / steps) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });
}
