import type { Held, PlannedMember } from "./dry-run.js";
import type { SweepProgress } from "./schedule.js";
import { sumOf } from "./storage.js";

/** "3/40 branch/seed=0,order=1: finished; about 12 min left" */
export function progressText(progress: SweepProgress): string {
  const { what, member, done, total, step, totalSteps, why, etaSeconds, state } = progress;
  const place =
    step === undefined ? "" : `, step ${step}${totalSteps === undefined ? "" : ` of ${totalSteps}`}`;
  const says: Record<SweepProgress["what"], string> = {
    started: state.standing === "missing" ? "started" : "goes on",
    elsewhere: "another process works on it; waiting",
    working: `working${place}`,
    finished: "finished",
    reused: "is finished",
    failed: `failed: ${why}`,
    waiting: `waits for a failed member: ${why}`,
    released:
      why === undefined
        ? "let go of its weights: all that is made from them is finished"
        : `keeps its weights: ${why}`,
    stopped: "stopped; the same command goes on",
  };
  const left = etaSeconds === undefined || done === total ? "" : `; about ${timeText(etaSeconds)} left`;
  return `${done}/${total} ${member.name}: ${says[what]}${left}`;
}

/** "35 s", "12 min", "3.4 h" @param seconds >= 0 */
export function timeText(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toPrecision(seconds < 36_000 ? 2 : 3)} h`;
}

/** "340 kB", "1.2 GB": powers of 1000. @param bytes >= 0 */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, i] = [bytes, 0];
  for (; value >= 999.5 && i < units.length - 1; i++) value /= 1000;
  return `${i === 0 ? value : value.toPrecision(3)} ${units[i]}`;
}

/** A line per member of a dry run, and what they sum up to. */
export function dryRunText(planned: readonly PlannedMember[], profile: string): string {
  const lines = planned.map(({ member, standing, kept, held, steps, seconds, why }) => {
    const parts = [
      standing === "same" ? "the run of an earlier member" : standing,
      kept && `keeps ${bytesText(sumOf([kept]).total)}`,
      held && held.freed > 0 && heldText(held),
      steps !== undefined && steps > 0 && `${steps} steps`,
      steps !== undefined && steps > 0 && (seconds === undefined ? "time unknown" : timeText(seconds)),
      why,
    ];
    return `${member.name}: ${parts.filter((part) => part !== undefined && part !== false).join(", ")}`;
  });
  return [...lines, ...summaryLines(planned, profile)].join("\n");
}

/** Sums of a dry run. */
export interface DryRunSummary {
  readonly profile: string;
  /** Members by how they stand. */
  readonly members: Readonly<Record<string, number>>;
  /** Bytes that all runs keep once they are finished. */
  readonly bytes: ReturnType<typeof sumOf>;
  /** Bytes that are held at most while it is carried out, one member at a time, with checkpoints; other runs not counted. */
  readonly peak: number;
  /** Bytes of `bytes` that stay only until other plans are carried out too, and which. */
  readonly shared: { readonly bytes: number; readonly plans: readonly string[] };
  /** Of what is still to be trained, as far as it is known. */
  readonly hours: number;
  /** Hours by device that they were measured on, and the profile where that is another. */
  readonly devices: Readonly<Record<string, number>>;
  /** Runs whose time is unknown, because no run of their task and profile is stored. */
  readonly unknown: number;
}

/** What the members of a dry run sum up to. */
export function dryRunSummary(planned: readonly PlannedMember[], profile: string): DryRunSummary {
  const members: Record<string, number> = {};
  const devices: Record<string, number> = {};
  let [hours, unknown] = [0, 0];
  for (const { standing, seconds, speed, steps = 0, member } of planned) {
    members[standing] = (members[standing] ?? 0) + 1;
    hours += (seconds ?? 0) / 3600;
    const undone = standing === "unknown" || standing === "lacking" || steps > 0;
    if (member.what === "run" && undone && seconds === undefined) unknown++;
    if (!speed) continue;
    const { device, scaledFrom } = speed;
    const by = scaledFrom === undefined ? device : `${device} (scaled from runs of profile ${scaledFrom})`;
    devices[by] = (devices[by] ?? 0) + (seconds ?? 0) / 3600;
  }
  const bytes = sumOf(planned.flatMap(({ kept }) => kept ?? []));
  return {
    profile,
    members,
    bytes,
    peak: peakOf(planned),
    shared: sharedBy(planned),
    hours,
    devices,
    unknown,
  };
}

/** Bytes that are held at most if members are carried out one after the other, in their order. */
function peakOf(planned: readonly PlannedMember[]): number {
  const freed = new Map<string, number>();
  let [now, peak] = [0, 0];
  for (const { member, kept, held, checkpoints = 0 } of planned) {
    if (kept) now += sumOf([held?.kept ?? kept]).total;
    if (held?.waitsFor.length === 0) freed.set(held.until, (freed.get(held.until) ?? 0) + held.freed);
    peak = Math.max(peak, now + checkpoints);
    now -= freed.get(member.name) ?? 0;
  }
  return peak;
}

/** What stays until other plans are carried out. */
function sharedBy(planned: readonly PlannedMember[]): DryRunSummary["shared"] {
  const waiting = planned.flatMap(({ held }) => (held && held.waitsFor.length > 0 ? held : []));
  return {
    bytes: waiting.reduce((sum, { freed }) => sum + freed, 0),
    plans: [...new Set(waiting.flatMap(({ waitsFor }) => waitsFor))],
  };
}

/** What a run holds before it lets go of weights. */
function heldText({ kept, freed, waitsFor }: Held): string {
  if (waitsFor.length > 0)
    return `lets go of ${bytesText(freed)} once other plans are carried out too: ${waitsFor.join(", ")}`;
  return `holds ${bytesText(sumOf([kept]).total)} before`;
}

function summaryLines(planned: readonly PlannedMember[], profile: string): string[] {
  const { members, bytes, peak, shared, devices, unknown } = dryRunSummary(planned, profile);
  const counts = Object.entries(members).map(([standing, count]) => `${count} ${standing}`);
  const times = Object.entries(devices).map(([device, hours]) => `${timeText(3600 * hours)} on ${device}`);
  if (unknown > 0) times.push(`${unknown} runs unknown (no run of their task is stored that says it)`);
  return [
    `profile ${profile}: ${planned.length} members: ${counts.join(", ")}`,
    `kept once all are finished: ${bytesText(bytes.total)} (weights ${bytesText(bytes.weights)}, the optimiser's memory ` +
      `${bytesText(bytes.memory)}, measurements ${bytesText(bytes.measurements)})`,
    `held at most, one member at a time: ${bytesText(peak)}, with checkpoints of the run that trains`,
    ...(shared.plans.length > 0
      ? [
          `of what is kept, ${bytesText(shared.bytes)} stay until other plans read them too: ${shared.plans.join(", ")}`,
        ]
      : []),
    `training that is left: ${times.join("; ") || "none"}`,
  ];
}
