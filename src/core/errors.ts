/** What every failure of the laboratory says: the place, what was expected and what was found. */
export class SpectralError extends Error {
  override name = "SpectralError";
}

/** A configuration key, value, task or profile that does not exist or has the wrong type. */
export class ConfigError extends SpectralError {
  override name = "ConfigError";
}

/** A damaged, foreign or unreadable input file, or data outside its declared range. */
export class DataError extends SpectralError {
  override name = "DataError";
}

/** A stored run or study that is not what was stored: its record, or a file that a finished record states. */
export class DamagedError extends DataError {}

/** A run folder that cannot be read, written or locked. */
export class StoreError extends SpectralError {
  override name = "StoreError";
}

/** A matrix or spectrum that has no singular value decomposition: empty, wrong shape, NaN or infinite. */
export class SpectrumError extends SpectralError {
  override name = "SpectrumError";
}

/** A backend that is missing, failed to start, or lost its device. */
export class BackendError extends SpectralError {
  override name = "BackendError";
}

/** Training that cannot go on: a loss or parameter became NaN or infinite. */
export class TrainingError extends SpectralError {
  override name = "TrainingError";
  /** @param step updates made before the one that failed, where that is known */
  constructor(
    message: string,
    readonly step?: number,
  ) {
    super(message);
  }
}

/** The message of anything thrown, for use inside another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
