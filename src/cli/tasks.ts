import { TASKS } from "../tasks/index.js";
import { PROFILES } from "../tasks/task.js";
import type { Given } from "./command.js";
import type { tasks } from "./declarations.js";

/** Lists the experiments, their profiles and settings. */
export async function run({ values }: Given<typeof tasks>): Promise<number> {
  if (values.json) {
    const list = TASKS.map(({ name, title, section, defaults, profiles }) => ({
      name,
      title,
      section,
      defaults,
      profiles,
    }));
    console.log(JSON.stringify(list));
    return 0;
  }
  for (const { name, title, section, profiles } of TASKS) {
    console.log(`${name}: ${title} (section ${section})`);
    for (const profile of PROFILES) {
      const { summary, settings } = profiles[profile];
      console.log(`  ${profile.padEnd(6)} ${summary}`);
      if (Object.keys(settings).length > 0)
        console.log(`         settings: ${Object.keys(settings).join(", ")}`);
    }
  }
  return 0;
}
