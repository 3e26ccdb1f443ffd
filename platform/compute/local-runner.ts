import { ignoreObservations, type Observe } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { answers, readActivity } from "./activity.ts";
import { findGroups, type Groups } from "./cgroups.ts";
import { instanceMissing } from "./errors.ts";
import { keptKeys } from "./kept-key.ts";
import { observeInstance } from "./observe-instance.ts";
import { layoutOf, placeOf } from "./paths.ts";
import { killServer } from "./postmaster.ts";
import { findPrograms } from "./programs.ts";
import type { Context } from "./running.ts";
import { readLoad, readUse, resizeInstance } from "./scale.ts";
import { findServerUsers } from "./server-user.ts";
import { observeStandbys } from "./standby-look.ts";
import { makeStandby, tendStandbys } from "./standby-tend.ts";
import { freezeInstance, holdInstance, sleepInstance, wakeInstance } from "./suspend.ts";
import type { ComputeDriver, InstanceObserved } from "./types.ts";

/** What a gateway does with instances: no more than this. */
export type InstanceRunner = Pick<
  ComputeDriver,
  | ("observe" | "wake" | "hold" | "freeze" | "sleep" | "activity" | "used" | "load" | "resize")
  | ("answers" | "standbys" | "tendStandbys" | "makeStandby" | "depose")
>;

export type LocalRunnerOptions = {
  readonly dataDir: string;
  /** The folder that holds `postgres`. */
  readonly pgBin: string;
  readonly osUser?: string;
  readonly observe?: Observe;
  /** What holds servers to their units; what this machine has when absent. */
  readonly groups?: Groups;
  readonly now?: () => number;
};

/** The instances of a data folder for a process that has no vault and no ledger: everything it needs lies beside them. */
export async function makeLocalRunner(options: LocalRunnerOptions): Promise<InstanceRunner> {
  const { observe = ignoreObservations, now = Date.now } = options;
  const layout = layoutOf(options.dataDir);
  const programs = await findPrograms(options.pgBin, options.osUser);
  const groups = options.groups ?? (await findGroups());
  const users = await findServerUsers();
  return runnerOf({ layout, programs, users, vault: keptKeys(layout), observe, groups, now, overlapSeconds: 0 });
}

export function runnerOf(context: Context): InstanceRunner {
  const observe = (id: DatabaseId) => observeInstance(context, id);
  const mustObserve = async (id: DatabaseId): Promise<InstanceObserved> => {
    const found = await observe(id);
    if (found === undefined) throw instanceMissing(`there is no instance ${id} in ${context.layout.instances}`);
    return found;
  };
  return {
    observe,
    wake: (id) => wakeInstance(context, id),
    hold: (id, seconds) => holdInstance(context, id, seconds),
    async freeze(id, unless = () => false) {
      await freezeInstance(context, id, unless);
      return mustObserve(id);
    },
    async sleep(id, unless = () => false) {
      await sleepInstance(context, id, unless);
      return mustObserve(id);
    },
    activity: (id) => readActivity(context, id),
    used: (id) => readUse(context, id),
    load: (id) => readLoad(context, id),
    answers: (id) => answers(context, id),
    standbys: (id) => observeStandbys(context, id),
    tendStandbys: (id) => tendStandbys(context, id),
    makeStandby: (id, number) => makeStandby(context, id, number),
    depose: (id) => killServer(placeOf(context.layout, id)),
    resize: (id, units) => resizeInstance(context, id, units),
  };
}
