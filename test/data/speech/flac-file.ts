import { createHash } from "node:crypto";

/** A FLAC file of 16-bit samples in blocks of 4096, each stored as it is ("verbatim" subframes). */
export function flacFile(
  samples: Int16Array,
  { sampleRate = 16000, channels = 1, promised = samples.length, md5 = true } = {},
): Buffer {
  const raw = Buffer.alloc(2 * samples.length);
  samples.forEach((value, i) => raw.writeInt16LE(value, 2 * i));
  const info = Buffer.alloc(34);
  info.writeUInt16BE(4096, 0);
  info.writeUInt16BE(4096, 2);
  const packed =
    (BigInt(sampleRate) << 44n) | (BigInt(channels - 1) << 41n) | (15n << 36n) | BigInt(promised);
  info.writeBigUInt64BE(packed, 10);
  if (md5) createHash("md5").update(raw).digest().copy(info, 18);
  const blocks = Array.from({ length: Math.ceil(samples.length / 4096) }, (_, i) =>
    frame(samples.subarray(4096 * i, 4096 * (i + 1)), i, sampleRate),
  );
  return Buffer.concat([Buffer.from("fLaC"), Buffer.from([0x80, 0, 0, 34]), info, ...blocks]);
}

/** Header (block size as 16 bits, rate, mono, 16 bits), one verbatim subframe, checksums. */
function frame(samples: Int16Array, number: number, sampleRate: number): Buffer {
  const rate = sampleRate === 16000 ? 0x05 : 0x04; // else 8000
  const header = Buffer.from([0xff, 0xf8, 0x70 | rate, 0x08, number, 0, 0, 0]); // number < 128 is one byte of UTF-8
  header.writeUInt16BE(samples.length - 1, 5);
  header[7] = crc(header.subarray(0, 7), 8, 0x07);
  const body = Buffer.alloc(1 + 2 * samples.length);
  body[0] = 0x02;
  samples.forEach((value, i) => body.writeInt16BE(value, 1 + 2 * i));
  const whole = Buffer.concat([header, body]);
  const check = Buffer.alloc(2);
  check.writeUInt16BE(crc(whole, 16, 0x8005));
  return Buffer.concat([whole, check]);
}

/** A FLAC file of unknown length: blocks of 65,535 zeros, each of which takes a dozen bytes ("constant" subframes). */
export function silence(blocks: number): Buffer {
  const head = flacFile(new Int16Array(0), { promised: 0, md5: false });
  head.writeUInt16BE(65535, 8);
  head.writeUInt16BE(65535, 10);
  const frames = Array.from({ length: blocks }, (_, i) => {
    const number = [...Buffer.from(String.fromCodePoint(i))]; // as UTF-8 writes it
    const header = Buffer.from([0xff, 0xf8, 0x75, 0x08, ...number, 0xff, 0xfe, 0]);
    header[header.length - 1] = crc(header.subarray(0, -1), 8, 0x07);
    const whole = Buffer.concat([header, Buffer.from([0, 0, 0])]);
    const check = Buffer.alloc(2);
    check.writeUInt16BE(crc(whole, 16, 0x8005));
    return Buffer.concat([whole, check]);
  });
  return Buffer.concat([head, ...frames]);
}

function crc(bytes: Uint8Array, bits: number, polynomial: number): number {
  let value = 0;
  for (const byte of bytes) {
    value ^= byte << (bits - 8);
    for (let i = 0; i < 8; i++) value = value & (1 << (bits - 1)) ? (value << 1) ^ polynomial : value << 1;
    value &= 2 ** bits - 1;
  }
  return value;
}

/** A sound with some of everything: a rising tone with harmonics. */
export function chirp(length: number): Int16Array {
  return Int16Array.from(
    { length },
    (_, i) => 9000 * Math.sin(i * (0.05 + i * 2e-6)) + 3000 * Math.sin(i * 0.61),
  );
}
