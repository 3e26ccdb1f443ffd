import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "./manifest.ts";
import { type Layout, type Place, socketDirOf } from "./paths.ts";

/**
 * Where the standbys of an instance are: below its folder, so that they go with it.
 *
 *     standbys/state.json      which of them count, what is being done        0600, ours
 *     standbys/passfile        the password of the replication's role         0600, Postgres's user
 *     standbys/<n>/            pgdata/, postgresql.conf
 *     fenced/                  the folder of the last primary that was replaced: nothing ever starts it
 */
export type StandbyPlace = {
  readonly number: number;
  /** Slot, application and name in messages. */
  readonly name: string;
  readonly folder: string;
  readonly pgdata: string;
  readonly conf: string;
  readonly log: string;
  readonly socketDir: string;
};

export const standbysOf = ({ folder }: Place) => ({
  folder: join(folder, "standbys"),
  state: join(folder, "standbys", "state.json"),
  passFile: join(folder, "standbys", "passfile"),
  fenced: join(folder, "fenced"),
});

export const standbyName = (number: number): string => `nebula_s${number}`;

export function standbyPlace(layout: Layout, place: Place, id: string, number: number): StandbyPlace {
  const folder = join(standbysOf(place).folder, String(number));
  return {
    ...{ number, name: standbyName(number), folder },
    pgdata: join(folder, "pgdata"),
    conf: join(folder, "postgresql.conf"),
    log: join(layout.log, `${id}~${number}.log`),
    socketDir: socketDirOf(layout, `${id}~${number}`),
  };
}

/**
 * What must outlive every process that looks after standbys.
 *
 * 1. `waitsFor` is a part of `counted`, at any moment, also in the middle of a change: whom a commit may have waited for is asked when
 *    a new primary is chosen.
 * 2. One that is no longer waited for stays counted until another one has what it may have been the only one to have.
 * 3. `complete` is false before the first commit may be answered without any of them, and true only after all were answered with one.
 */
export type StandbyState = {
  readonly format: 1;
  readonly waitsFor: readonly number[];
  readonly counted: readonly number[];
  /** Everything that was answered, where commits wait, is on one of `counted`. */
  readonly complete: boolean;
  /** How often commits stopped to wait behind the back of who counts: what he saw before that says nothing. */
  readonly exposures: number;
  /** Those that were seen on the timeline of this primary. */
  readonly follows: readonly number[];
  /** The primary has heard of `waitsFor`, every part of it. */
  readonly applied: boolean;
  /** This one is taking its primary's place. */
  readonly succeeds: number | null;
  /** How often a standby has done that. */
  readonly epoch: number;
  /** Since when one that is there does not stream, in milliseconds since 1970. */
  readonly awaySinceMs: Readonly<Record<string, number>>;
};

const nothing: StandbyState = {
  ...{ format: 1, waitsFor: [], counted: [], complete: false, exposures: 0, follows: [], applied: true },
  ...{ succeeds: null, epoch: 0, awaySinceMs: {} },
};

export async function readStandbyState(place: Place): Promise<StandbyState> {
  const text = await readFile(standbysOf(place).state, "utf8").catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === "ENOENT") return undefined;
    throw thrown;
  });
  return text === undefined ? nothing : (JSON.parse(text) as StandbyState);
}

export const writeStandbyState = (place: Place, state: StandbyState): Promise<void> =>
  writeAtomically(standbysOf(place).state, `${JSON.stringify(state)}\n`, 0o600);

/** Before a primary whose commits waited is told that they need not. The caller has the instance's lock. */
export async function noteExposed(place: Place): Promise<void> {
  const state = await readStandbyState(place);
  if (state.waitsFor.length > 0)
    await writeStandbyState(place, { ...state, complete: false, applied: false, exposures: state.exposures + 1 });
}
