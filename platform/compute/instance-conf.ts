import { access } from "node:fs/promises";
import { join } from "node:path";
import { spoolOf } from "./archive.ts";
import { type Room, renderConf } from "./conf.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import { type Programs, runProgram } from "./programs.ts";
import { ownerOf } from "./server-user.ts";
import { readStandbyState, type StandbyPlace, standbyName, standbysOf } from "./standby-place.ts";

/** The files of an instance as they should be now. */
export async function confOf(place: Place, manifest: Manifest): Promise<ReturnType<typeof renderConf>> {
  const { socketDir, hba: hbaPath } = place;
  const waitsFor = manifest.synchronous === true ? (await readStandbyState(place)).waitsFor.map(standbyName) : [];
  const succeeds = (manifest.replicas ?? 0) > 0 && (await willSucceed(place));
  return renderConf({ ...manifest, socketDir, hbaPath, spool: spoolOf(place, manifest), waitsFor, succeeds });
}

/** Whether its next start ends a recovery: Postgres takes the file away when it has. */
export const willSucceed = ({ pgdata }: Place): Promise<boolean> =>
  access(join(pgdata, "recovery.signal")).then(
    () => true,
    () => false,
  );

/** The settings of one of its standbys: those of the instance, and whom it follows. */
export function standbyConf(
  place: Place,
  manifest: Manifest,
  { name, socketDir }: StandbyPlace,
  room: Room = {},
): string {
  const { passFile } = standbysOf(place);
  const follows = { name, socketDir: place.socketDir, passFile, room };
  return renderConf({ ...manifest, socketDir, hbaPath: place.hba, follows }).conf;
}

/** What the log that a standby has read so far was written with, by its control file. */
export async function roomOf({ bin }: Pick<Programs, "bin">, pgdata: string): Promise<Room> {
  const text = await readControl(bin, pgdata);
  const found = [...text.matchAll(/^(max_(?:connections|worker_processes|wal_senders)) setting: +(\d+)$/gm)];
  return Object.fromEntries(found.map(([, name = "", value]) => [name, Number(value)]));
}

/** As pg_controldata says it, in English. */
export const readControl = async (bin: string, pgdata: string): Promise<string> =>
  runProgram(join(bin, "pg_controldata"), [pgdata], { user: await ownerOf(pgdata) });
