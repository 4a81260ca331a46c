import { messageOf, SpectralError } from "../core/errors.js";
import { LockHeldError } from "../core/files/lock.js";
import { holdsAny, releaseWeights } from "../store/release.js";
import type { Member, RunMember } from "./expand.js";
import type { Resolver } from "./resolve.js";
import { isOver, transientSteps } from "./state.js";

/**
 * Lets a finished transient run go of its weights, if all that is made from them is finished, in this sweep and in other plans,
 * or never will be since it diverged. Where another process has the run it keeps them: the same sweep asked again lets go.
 * @returns whether it let go of any now, and what went wrong, which stops no sweep
 */
export async function letGo(
  member: RunMember,
  resolver: Resolver,
): Promise<{ readonly released: boolean; readonly why?: string }> {
  try {
    return { released: await released(member, resolver) };
  } catch (error) {
    if (error instanceof LockHeldError) return { released: false };
    if (error instanceof SpectralError) return { released: false, why: messageOf(error) };
    throw error;
  }
}

async function released(member: RunMember, resolver: Resolver): Promise<boolean> {
  const resolved = await resolver.run(member.name);
  const readers = resolved && resolver.readers(resolved.folder);
  if (!readers) return false;
  const run = resolver.find(resolved.description);
  const steps = transientSteps(resolved);
  if (run?.record.status !== "finished" || !holdsAny(run, steps)) return false;
  for (const reader of [...readers.own, ...readers.outside])
    if (!(await isOver(reader, resolver))) return false;
  return releaseWeights(resolved.folder, steps);
}

/** Which transient runs may let go of their weights when members of a sweep end, in whatever order. */
export class Releases {
  /** By a run: names of members that have not ended, itself and all that is made from it. */
  readonly #waiting: Map<RunMember, Set<string>>;

  private constructor(waiting: Map<RunMember, Set<string>>) {
    this.#waiting = waiting;
  }

  static async of(resolver: Resolver): Promise<Releases> {
    const waiting = new Map<RunMember, Set<string>>();
    const seen = new Set<string>();
    for (const member of resolver.members) {
      if (member.what === "study" || !member.transient) continue;
      const folder = (await resolver.run(member.name))?.folder;
      const readers = folder === undefined || seen.has(folder) ? undefined : resolver.readers(folder);
      if (readers) waiting.set(member, new Set([member, ...readers.own].map(({ name }) => name)));
      if (folder !== undefined) seen.add(folder);
    }
    return new Releases(waiting);
  }

  /** Takes note that a member has ended. @returns the runs of which nothing is waited for since */
  after({ name }: Member): readonly RunMember[] {
    const free = [...this.#waiting].filter(([, names]) => names.delete(name) && names.size === 0);
    for (const [run] of free) this.#waiting.delete(run);
    return free.map(([run]) => run);
  }
}
