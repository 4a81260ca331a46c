import { type Random, randomStream } from "../../core/random.js";
import type { ImageSet } from "../images.js";

const SIDE = 32;

/**
 * Generated textures of CIFAR-10's shape: [count, 32, 32, 3] colour images, label i mod 10. A class is a pattern
 * (stripes of five orientations, fine or coarse) under a random phase, a wobble of angle and period, two random
 * colours, a random gradient of light and noise: no single pixel or mean colour tells the class.
 * A function of `count` and the stream `standin/textures/<split>` alone.
 */
export function textures(count: number, split: "training" | "test"): ImageSet {
  const random = randomStream(0, `standin/textures/${split}`);
  const pixels = new Uint8Array(count * SIDE * SIDE * 3);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const size = SIDE * SIDE * 3;
  labels.forEach((label, i) => drawTexture(label, random, pixels.subarray(i * size, (i + 1) * size)));
  return { pixels, labels, count, height: SIDE, width: SIDE, channels: 3 };
}

function drawTexture(label: number, random: Random, image: Uint8Array): void {
  const angle = ((label % 5) * Math.PI) / 5 + random.normal(0, 0.08);
  const period = (label < 5 ? 5 : 10) * random.uniform(0.9, 1.1);
  const [alongX, alongY] = [
    (2 * Math.PI * Math.cos(angle)) / period,
    (2 * Math.PI * Math.sin(angle)) / period,
  ];
  const phase = random.uniform(0, 2 * Math.PI);
  const colours = [0, 1].map(() => [0, 1, 2].map(() => random.uniform(20, 235)));
  const [lightX, lightY] = [random.normal(0, 1), random.normal(0, 1)];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const mix = 0.5 + 0.5 * Math.sin(alongX * x + alongY * y + phase);
      const light = lightX * (x - SIDE / 2) + lightY * (y - SIDE / 2);
      for (let c = 0; c < 3; c++) {
        const value = mix * colours[0][c] + (1 - mix) * colours[1][c] + light + random.uniform(-20, 20);
        image[(y * SIDE + x) * 3 + c] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
}
