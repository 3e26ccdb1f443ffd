import { readFile } from "node:fs/promises";
import { readAutoConf } from "./auto-conf.ts";
import { header } from "./conf.ts";
import { type FilesRead, fileDeviations, readConf } from "./conf-read.ts";
import { readGateOf } from "./gate.ts";
import { readIdentity } from "./identity.ts";
import { confOf } from "./instance-conf.ts";
import type { Manifest } from "./manifest.ts";
import type { Place } from "./paths.ts";
import type { Deviation } from "./setting-values.ts";
import type { Settings } from "./settings.ts";
import type { InstanceFacts, InstanceObserved } from "./types.ts";

/** What the files of an instance tell, beside what `observe` says of it. */
export async function readFacts(
  place: Place,
  manifest: Manifest,
  observed: InstanceObserved,
  tag: string,
): Promise<InstanceFacts> {
  const [folderIdentity, files, gate] = await Promise.all([
    readIdentity(place.pgdata),
    readFiles(place, manifest),
    readGateOf(place).catch(() => undefined),
  ]);
  const { extensions, tags, owner = null } = manifest;
  const { allowFrom } = gate ?? manifest; // the gate is what the gateway keeps to
  return {
    ...observed,
    ...{ allowFrom, extensions, tags, owner, folderIdentity },
    ours: owner === null || owner === tag,
    files: files.deviations,
  };
}

export type FilesFound = {
  readonly deviations: readonly Deviation[];
  /** What the server was given: the file as it stands when it is as written, else what it should say. */
  readonly given: Settings;
};

export async function readFiles(place: Place, manifest: Manifest): Promise<FilesFound> {
  const [conf, hba, auto] = await Promise.all([
    readFile(place.conf, "utf8").catch(() => ""),
    readFile(place.hba, "utf8").catch(() => ""),
    readAutoConf(place.pgdata),
  ]);
  const found = readConf(conf, hba, header);
  const foreign = Object.entries(auto).map(([name, value]) => ({ name, given: null, found: value }));
  if (found.asWritten) return { deviations: foreign, given: found.settings };
  const wanted = await wantedFiles(place, manifest);
  return { deviations: [...fileDeviations(found, wanted), ...foreign], given: wanted.settings };
}

async function wantedFiles(place: Place, manifest: Manifest): Promise<FilesRead> {
  const { conf, hba } = await confOf(place, manifest);
  return readConf(conf, hba, header);
}
