import type { Backups } from "../../platform/backup/index.ts";
import type { ObjectStore } from "../../platform/objects/index.ts";
import { archived, type BackupGround, insert, keep, makeBackupGround } from "../backup/ground.ts";
import { codeOf } from "../harness/code-of.ts";
import type { Random } from "../harness/random.ts";
import { catalogueRow, type RowInput, type Trials } from "../harness/row.ts";

type Kept = ReadonlyMap<string, Buffer>;

async function read(store: ObjectStore, key: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await store.get(key)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function keepAll(store: ObjectStore): Promise<Kept> {
  const keys = (await store.list("")).map(({ key }) => key);
  return new Map(await Promise.all(keys.map(async (key) => [key, await read(store, key)] as const)));
}

const ways = ["flip", "cut", "grow", "delete", "empty", "swap", "older"] as const;
type Way = (typeof ways)[number];

/** What a piece becomes; undefined: it is gone. */
function damage(kept: Kept, key: string, way: Way, random: Random): Buffer | undefined {
  const bytes = Buffer.from(kept.get(key) ?? Buffer.alloc(0));
  switch (way) {
    case "flip": {
      const at = random.int(0, bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(0, 7));
      return bytes;
    }
    case "cut":
      return bytes.subarray(0, random.int(0, bytes.length - 1));
    case "grow":
      return Buffer.concat([bytes, random.bytes(random.int(1, 100))]);
    case "delete":
      return undefined;
    case "empty":
      return Buffer.alloc(0);
    case "swap": // another piece of the same database, whole and well sealed
      return kept.get(random.pick([...kept.keys()].filter((other) => other !== key)));
    case "older": // the same piece of another database's backup
      return kept.get(random.pick([...kept.keys()].filter((other) => other.split("/")[0] !== key.split("/")[0])));
  }
}

async function run({ n, random, guarded }: RowInput): Promise<Trials> {
  const ground = await makeBackupGround();
  const { store, backups } = ground;
  try {
    const { wanted, startLsn } = await furnished(ground);
    await furnished(ground);
    const kept = await keepAll(store);
    // a backup's history file is a note beside the log, and no restore reads the log before the first backup
    const isEarlier = (key: string) => key.includes("/wal/") && (key.split("/wal/")[1] ?? "") < segmentOf(startLsn);
    const isNeeded = (key: string) => key.startsWith(`${wanted.id}/`) && !key.endsWith(".backup") && !isEarlier(key);
    const own = [...kept.keys()].filter(isNeeded);
    const violations: string[] = [];
    const seen = new Map<string, number>();
    for (let i = 0; i < n; i++) {
      const [key, way] = [random.pick(own), ways[i % ways.length] ?? "flip"];
      const bytes = damage(kept, key, way, random);
      if (bytes === undefined) await store.delete([key]);
      else await store.put(key, bytes);
      const found = await backups.check(wanted.id, { deep: guarded }).catch((thrown) => [thrown]);
      if (found.length === 0) violations.push(`${way} of ${key} was not seen`);
      seen.set(way, (seen.get(way) ?? 0) + 1);
      if (guarded && i % 10 === 0) violations.push(...(await mustRefuse(backups, wanted.id, key)));
      await store.put(key, kept.get(key) ?? Buffer.alloc(0));
    }
    const whole = await backups.check(wanted.id, { deep: true });
    if (whole.length > 0) throw new Error(`what was put back is not whole: ${whole[0]?.problem}`);
    return { trials: n, violations };
  } finally {
    await ground.clear();
  }
}

async function furnished(ground: BackupGround) {
  const wanted = await archived(ground);
  const { backups, driver } = ground;
  const { startLsn } = await backups.take(wanted.id, { kind: "full", ...keep });
  for (const n of [1, 2, 3]) await insert(ground, wanted, n);
  await backups.take(wanted.id, { kind: "incremental", ...keep });
  await insert(ground, wanted, 4);
  await driver.machinery.flush(wanted.id);
  await backups.ship(wanted.id);
  // from here on only what is stored counts, and nobody adds to it
  await driver.stop(wanted.id);
  await backups.ship(wanted.id);
  return { wanted, startLsn };
}

/** The part of the first timeline that holds a place in the log. */
function segmentOf(lsn: string): string {
  const [high = "", low = ""] = lsn.split("/");
  const part = (Number.parseInt(low, 16) >>> 24).toString(16).toUpperCase();
  return ["1", high, part].map((hex) => hex.padStart(8, "0")).join("");
}

/** A restore that needs the piece makes nothing; one that does not need it may come to its end. */
async function mustRefuse(
  backups: Backups,
  id: `${string}.${string}.${string}`,
  key: string,
): Promise<readonly string[]> {
  if (key.includes("/base/") && key.endsWith(".json")) return []; // a copy of the record stands in the index
  const code = await codeOf(backups.look(id, { kind: "latest" }, async () => undefined));
  const isNeeded = !key.includes("/wal/") || code !== "no error";
  return isNeeded && !/^NEB41[3-79]$/.test(code) ? [`${key} is damaged, and a restore ended with ${code}`] : [];
}

catalogueRow({
  suite: "faults",
  name: "a backup damaged",
  promise: "every damage is found before a restore needs the piece, and a restore that needs it makes nothing",
  n: { small: 60, large: 300 },
  run,
  control: { without: "reading every byte under its seal", n: 40 },
  timeoutMs: 90_000,
});
