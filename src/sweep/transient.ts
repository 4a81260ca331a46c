import { groupBy } from "../core/group-by.js";
import { fullNameOf, type Member, type MemberInput, type StudyMember } from "./expand.js";
import { membersIn, momentsIn } from "./member-edit.js";

/** The members of a sweep whose transient runs let go of their weights, and what these wait for. */
export interface Sharing {
  /** Each behind all that it needs, in an order in which few weights are held at once. */
  readonly members: readonly Member[];
  /** By the place of a transient run, here or outside: names of all that is made from its weights, directly or not, here or outside. */
  readonly readers: ReadonlyMap<string, readonly string[]>;
}

/**
 * Which runs of a sweep are transient, and what is made from them. A run is transient if it is so in every plan that has it. Studies
 * of other plans that read nothing but runs of this sweep join it if it lets go of what they read.
 * @param outside members of other plans, under names of their own
 * @param placeOf what a member is: equal of members that are one run or one study
 * @param bytesOf what the run of a place holds until it lets go
 */
export function sharingOf(
  own: readonly Member[],
  outside: readonly Member[],
  placeOf: (name: string) => string,
  bytesOf: (place: string) => number,
): Sharing {
  const ownPlaces = groupBy(own, ({ name }) => placeOf(name));
  const transient = new Set<string>();
  const branches = new Set<string>();
  for (const [place, alike] of groupBy([...own, ...outside], ({ name }) => placeOf(name))) {
    if (alike.some((one) => one.what === "run" && one.from)) branches.add(place);
    if (alike.every((one) => one.what === "run" && one.transient)) transient.add(place);
  }
  const released = new Set([...transient].filter((place) => ownPlaces.has(place)));
  if (released.size === 0) return { members: own, readers: new Map() };

  /** Whether a study reads weights that the run of a place lets go of: who is no branch keeps the last ones. */
  const readsGoing = (study: StudyMember, place: string): boolean =>
    study.inputs.some((input) => {
      if (!placesIn(input, placeOf).includes(place)) return false;
      return branches.has(place) || momentsIn(input).some((at) => at !== "end");
    });
  const joining = new Map<string, StudyMember>();
  for (const study of outside) {
    const place = placeOf(study.name);
    if (study.what === "run" || ownPlaces.has(place) || joining.has(place)) continue;
    if (![...released].some((place) => readsGoing(study, place))) continue;
    if (!study.inputs.every((input) => placesIn(input, placeOf).every((one) => ownPlaces.has(one)))) continue;
    joining.set(
      place,
      withNames(study, (name) => ownPlaces.get(placeOf(name))![0].name),
    );
  }
  const members = [...own, ...joining.values()];
  const others = outside.filter(({ name }) => !ownPlaces.has(placeOf(name)) && !joining.has(placeOf(name)));
  const graph = new Graph([...members, ...others], placeOf);
  return {
    members: inReleasingOrder(members, released, { graph, bytesOf }),
    readers: new Map([...transient].map((place) => [place, graph.madeFrom(place, readsGoing)])),
  };
}

/** The runs that an input of a study reads: its own, and those that its edit names. */
function placesIn({ member, edit }: MemberInput, placeOf: (name: string) => string): string[] {
  return [member, ...membersIn(edit ?? "")].map(placeOf);
}

/** A study of the same weights, of members under other names. */
function withNames(study: StudyMember, nameOf: (name: string) => string): StudyMember {
  const inputs = study.inputs.map(({ member, at, edit }) => ({
    ...{ member: nameOf(member), at },
    ...(edit !== undefined && {
      edit: edit.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => `{${nameOf(name)}}`),
    }),
  }));
  const name = fullNameOf({ ...study, inputs });
  return { ...study, name, inputs, needs: [...new Set(study.needs.map(nameOf))] };
}

/** What is made from what, by place. */
class Graph {
  readonly alike: ReadonlyMap<string, readonly Member[]>;
  readonly #dependents = new Map<string, Set<string>>();

  constructor(
    members: readonly Member[],
    readonly placeOf: (name: string) => string,
  ) {
    this.alike = groupBy(members, ({ name }) => placeOf(name));
    for (const { name, needs } of members) {
      for (const need of needs.map(placeOf)) {
        const known = this.#dependents.get(need) ?? new Set();
        this.#dependents.set(need, known.add(placeOf(name)));
      }
    }
  }

  needs(place: string): readonly string[] {
    return this.alike.get(place)!.flatMap((member) => member.needs.map(this.placeOf));
  }

  /** Places of what needs a place itself. */
  dependents(place: string): readonly string[] {
    return [...(this.#dependents.get(place) ?? [])];
  }

  /**
   * Names of all that is made from what a place lets go of, directly or not.
   * @param reads whether a study reads what goes of a place
   */
  madeFrom(place: string, reads: (study: StudyMember, place: string) => boolean): readonly string[] {
    const found = new Set<string>();
    const visit = (one: string): void => {
      for (const next of this.dependents(one)) {
        const alike = this.alike.get(next)!;
        if (found.has(next) || !alike.some((member) => member.what === "run" || reads(member, one))) continue;
        found.add(next);
        visit(next);
      }
    };
    visit(place);
    return [...found].map((one) => this.alike.get(one)![0].name);
  }

  isRun(place: string): boolean {
    return this.alike.get(place)![0].what === "run";
  }
}

/**
 * Members behind all that they need, a study as soon as its inputs are there. Runs from which nothing is trained come in families:
 * those that are compared with each other; first the families whose trunks hold most, and at last what belongs to none.
 */
function inReleasingOrder(
  members: readonly Member[],
  transient: ReadonlySet<string>,
  { graph, bytesOf }: { readonly graph: Graph; readonly bytesOf: (place: string) => number },
): readonly Member[] {
  const own = new Set(members);
  const placed = new Set<string>();
  const ordered: Member[] = [];
  const place = (at: string): void => {
    if (placed.has(at)) return;
    graph.needs(at).forEach(place);
    placed.add(at);
    ordered.push(...graph.alike.get(at)!.filter((member) => own.has(member)));
    for (const next of graph.dependents(at)) {
      const ready = !graph.isRun(next) && graph.needs(next).every((need) => placed.has(need));
      if (ready && own.has(graph.alike.get(next)![0])) place(next);
    }
  };
  const families = familiesOf(members, transient, graph);
  const trunks = (family: readonly string[]): number =>
    [...new Set(family.flatMap((leaf) => graph.needs(leaf)))].reduce((sum, trunk) => sum + bytesOf(trunk), 0);
  const heaviest = [...new Map(families.map((family) => [family, trunks(family)]))].sort(
    ([, a], [, b]) => b - a,
  );
  for (const [family] of heaviest) family.forEach(place);
  members.forEach(({ name }) => place(graph.placeOf(name)));
  return ordered;
}

/** Transient runs from which nothing is trained, those together that studies compare. */
function familiesOf(
  members: readonly Member[],
  transient: ReadonlySet<string>,
  graph: Graph,
): readonly (readonly string[])[] {
  const isLeaf = (at: string): boolean => {
    return (
      transient.has(at) &&
      graph.needs(at).length > 0 &&
      !graph.dependents(at).some((next) => graph.isRun(next))
    );
  };
  const known = new Set<string>();
  const families: (readonly string[])[] = [];
  for (const leaf of members.map(({ name }) => graph.placeOf(name)).filter(isLeaf)) {
    if (known.has(leaf)) continue;
    const family = new Set([leaf]);
    for (const one of family) {
      const compared = graph.dependents(one).flatMap((study) => graph.needs(study));
      compared.filter(isLeaf).forEach((other) => family.add(other));
    }
    family.forEach((one) => known.add(one));
    families.push([...family]);
  }
  return families;
}
