import type { ConfigValue } from "../core/config.js";
import type { Plan, RunGroup } from "../sweep/plan.js";
import type { ProfileName, Task } from "../tasks/task.js";
import { FOUR_TASKS } from "./columns.js";
import { PAPER_SEEDS } from "./stored.js";

/** What a task's runs of figures 6, 7 and 14 are in one profile. */
interface DecayRuns {
  /** Rising, from none. */
  readonly decays: readonly number[];
  /** The decay that the open question's arms are about: it changes the norms and destroys nothing. */
  readonly arms: number;
  readonly set?: Readonly<Record<string, ConfigValue>>;
}

/** Decays as the paper shows them (PAPER.md section 2). */
const paper: Readonly<Record<string, DecayRuns>> = {
  vgg: { decays: [0, 1e-3, 1e-2, 0.1], arms: 1e-3 },
  unet: { decays: [0, 0.1, 1, 10], arms: 1 },
  lstm: { decays: [0, 0.1, 1, 10], arms: 1 },
  transformer: { decays: [0, 0.1, 1, 10], arms: 1 },
};

/** Smaller networks and fewer updates than the tasks' quick profiles, and no decay too small to be seen in these. */
const quick: Readonly<Record<string, DecayRuns>> = {
  vgg: {
    decays: [0, 1e-2, 0.1],
    arms: 1e-2,
    set: { channels: 4, trainingExamples: 600, epochs: 4, milestones: "3", evaluationLimit: 100 },
  },
  unet: {
    decays: [0, 1, 10],
    arms: 1,
    set: { channels: 4, embedding: 32, trainingExamples: 600, epochs: 4, evaluationLimit: 64 },
  },
  lstm: {
    decays: [0, 1, 10],
    arms: 1,
    set: { hidden: 16, layers: 2, utterances: 72, epochs: 6, evaluationLimit: 16 },
  },
  transformer: {
    decays: [0, 1, 10],
    arms: 1,
    set: { layers: 4, words: 60_000, evaluationLimit: 32 },
  },
};

function runsOf({ name }: Task, profile: ProfileName): DecayRuns {
  return profile === "quick" ? quick[name] : paper[name];
}

/** What makes a task's runs small enough for the quick profile of several; of larger profiles nothing. */
export const smallerSet = (task: Task, profile: ProfileName): DecayRuns["set"] => runsOf(task, profile).set;

export const seedsOf = (profile: ProfileName): readonly number[] => (profile === "quick" ? [0] : PAPER_SEEDS);

/**
 * The runs of figures 6, 7 and 14: each of the four tasks with each decay; those that the arms below start from keep their
 * initialisation. Three seeds; the quick profile has one, fewer decays and smaller networks.
 */
export function decayPlan(name: string, title: string, profile: ProfileName): Plan {
  const runs = FOUR_TASKS.flatMap((task): RunGroup[] => {
    const { decays, arms, set } = runsOf(task, profile);
    const group = (own: string, values: readonly number[]): RunGroup => ({
      name: own,
      task: task.name,
      seeds: seedsOf(profile),
      grid: { weightDecay: values },
      ...(set && { set }),
    });
    const others = decays.filter((decay) => decay !== 0 && decay !== arms);
    const kept = (own: string, decay: number): RunGroup => ({ ...group(own, [decay]), keep: ["0"] });
    return [kept(task.name, 0), kept(`${task.name}-decay`, arms), group(`${task.name}-others`, others)];
  });
  return { name, title, profile, runs };
}

/**
 * The runs of the open question, what decay does to spectra beyond norms (PAPER.md section 5): without and with decay, each
 * at its own norms and held, from the initialisation on, at the other's.
 * @param tasks default the four
 */
export function decayArmsPlan(profile: ProfileName, tasks: readonly Task[] = FOUR_TASKS): Plan {
  const runs = tasks.flatMap((task): RunGroup[] => {
    const { arms, set } = runsOf(task, profile);
    const own = (group: string, weightDecay: number): RunGroup => ({
      name: `${task.name}-${group}`,
      task: task.name,
      seeds: seedsOf(profile),
      set: { ...set, weightDecay },
      keep: ["0"],
    });
    const held = (group: string, of: string): RunGroup => ({
      name: `${task.name}-${group}-held`,
      task: task.name,
      from: { group: `${task.name}-${group}`, at: ["0"] },
      edits: [`norms:{${task.name}-${of}}`],
    });
    return [own("free", 0), own("decay", arms), held("free", "decay"), held("decay", "free")];
  });
  return {
    name: "decay-arms",
    title: "Weight decay at equal norms, equal norms without decay",
    profile,
    runs,
  };
}
