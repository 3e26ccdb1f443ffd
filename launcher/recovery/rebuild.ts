/**
 * The platform's view anew, when the ledger and its backups are lost: from the declarations in Git, from what runs, and from the vault's
 * keys, which are kept beside the ledger. Makes an empty ledger with the old keys and with fences above all old ones; the next `up`
 * does the rest with what it always does: the forge takes its repositories over, the reconciler evaluates and deploys, and the provider,
 * which finds every database where it is, adopts it. No tenant's server is restarted.
 *
 * 1. Lost are what stood in the ledger alone: users, keys, pull requests, operations, usage, audit, tenants' own secrets. The owners'
 *    passwords are made anew, through the administrator's access, which derives from the vault's root.
 * 2. What runs and is not declared is left alone: it is listed here, and shown as an orphan afterwards.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeLocalDriver, resolveOsUser } from "../../platform/compute/index.ts";
import { asNebulaError, ignoreObservations, readSecretFile, type Secret } from "../../platform/core/index.ts";
import { makeEvaluator, repositoryInputs } from "../../platform/evaluate/index.ts";
import { makeGit, runGit } from "../../platform/git/index.ts";
import { makeLocalKey } from "../../platform/keys/index.ts";
import { connectOnce } from "../../platform/sql/index.ts";
import { type FencedOff, fenceOff, putWrappedKeys, type WrappedKey } from "../../platform/store/index.ts";
import { type DataFolder, prepareData, readSecrets, readSettings, writeSettings } from "../data-folder.ts";
import { writeWhole } from "../files.ts";
import { databases, ledgerServer, startLedger } from "../ledger.ts";
import { defaultPort, portsFrom } from "../ports.ts";
import { noLogin } from "../shutdown.ts";
import { masterKeyWanted, rebuildImpossible } from "./errors.ts";
import { readKeptKeys } from "./kept-keys.ts";
import { cloneRepository, repositoryPath } from "./repositories.ts";
import { mustHaveNoLedger } from "./restore.ts";
import { whoIs } from "./who.ts";

export type RebuildInput = {
  readonly folder: DataFolder;
  readonly pgBin: string;
  readonly port?: number;
  /** Where the declarations are, when the forge's repository is lost as well: an address or a folder. */
  readonly git?: string;
  readonly masterKey?: Secret;
  /** Default: `secrets/wrapped-keys.json`. */
  readonly keysFile?: string;
  readonly step?: (text: string) => void;
};

export type Rebuilt = {
  readonly data: string;
  /** Of the declarations. */
  readonly commit: string;
  readonly fenceFloor: number;
  readonly databases: readonly { readonly id: string; readonly running: boolean }[];
  /** On this machine, and Git does not name them: left as they are. */
  readonly undeclared: readonly string[];
  readonly declared: number;
};

const home = "nebula/tenants";

/** @throws NEB935, NEB936, NEB938 */
export async function rebuild(input: RebuildInput): Promise<Rebuilt> {
  const { folder, pgBin, step = () => {} } = input;
  mustHaveNoLedger(folder);
  prepareData(folder, await resolveOsUser());
  const keys = await findKeys(input);
  step("reading the declarations");
  const commit = await findDeclarations(input);
  step("making a new ledger");
  const port = input.port ?? readSettings(folder).port ?? defaultPort;
  const { fenceFloor } = await makeLedger(input, portsFrom(port).ledger, keys);
  writeSettings(folder, { ...readSettings(folder), port, emptyLedger: true });
  step("looking at what runs");
  const driver = await makeLocalDriver({ dataDir: folder.root, pgBin, vault: noLogin, spares: 0 });
  const found = await driver.list();
  const declared = await declaredIn(repositoryPath(join(folder.root, "forge"), home), commit);
  return {
    data: folder.root,
    ...{ commit, fenceFloor },
    declared: declared.size,
    databases: found.map(({ id, running }) => ({ id, running })),
    undeclared: found
      .map(({ id }) => id as string)
      .filter((id) => !declared.has(id))
      .sort(),
  };
}

/** The vault's keys as they were kept, tried under the master key: another root could not enter a single database. */
async function findKeys({ folder, masterKey: given, keysFile }: RebuildInput): Promise<readonly WrappedKey[]> {
  const file = join(folder.secrets, "master.key");
  if (!existsSync(file)) {
    if (given === undefined) throw masterKeyWanted(`${file} is not there`);
    writeWhole(file, given.reveal(), 0o600);
  }
  const keys = readKeptKeys(folder, keysFile);
  if (keys === undefined)
    throw rebuildImpossible(
      `${keysFile ?? join(folder.secrets, "wrapped-keys.json")} is not there or is no list of keys`,
      {
        hint: "Every backup has it as keys/wrapped-keys.json: name it with --keys FILE. Without it nothing opens the databases' administrator.",
      },
    );
  const kek = makeLocalKey(() => readSecretFile(file));
  const root = keys.find(({ purpose }) => purpose === "root");
  if (root !== undefined && kek.opens(root.kek)) await kek.unwrap(root.wrapped, root.id);
  else if (root?.kek.startsWith("local:"))
    throw masterKeyWanted(`${file} is another one than the key that wrapped the vault's keys (${root.kek})`);
  return keys;
}

async function findDeclarations({ folder, git }: RebuildInput): Promise<string> {
  const root = join(folder.root, "forge");
  const path = repositoryPath(root, home);
  const head = async () =>
    (await runGit(path, ["rev-parse", "--verify", "--quiet", "refs/heads/main"], { okCodes: [0, 1] })).stdout
      .toString("utf8")
      .trim();
  const known = existsSync(path) ? await head() : "";
  if (known !== "") return known;
  if (git === undefined)
    throw rebuildImpossible(`${path} has no branch main`, {
      hint: "Name the declarations' repository, or a clone of it: nebula rebuild --git ADDRESS",
    });
  await cloneRepository(git, root, home);
  const cloned = await head();
  if (cloned === "") throw rebuildImpossible(`${git} has no branch main`);
  return cloned;
}

async function makeLedger(
  { folder, pgBin }: RebuildInput,
  port: number,
  keys: readonly WrappedKey[],
): Promise<FencedOff> {
  const secrets = readSecrets(folder);
  const server = await ledgerServer(folder, { pgBin, port, password: secrets.ledgerPassword });
  try {
    await startLedger(folder, server, { ...secrets, port }, ignoreObservations);
    const fencedOff = await connectOnce(server.socketUrl(databases.ledger), async (owner) => {
      await putWrappedKeys(owner, keys);
      return fenceOff(owner, { kind: "rebuild", recoveredTo: null, by: whoIs(), details: {} });
    });
    await server.stop("fast");
    return fencedOff;
  } catch (thrown) {
    await server.stop("immediate").catch(() => undefined);
    rmSync(folder.ledger, { recursive: true, force: true });
    const { code, message } = asNebulaError(thrown);
    throw rebuildImpossible(`no new ledger could be made: ${code} ${message}`, { cause: thrown });
  }
}

/** Names of declared databases. A project that does not evaluate declares nothing here; after `up` its status says why. */
async function declaredIn(dir: string, commit: string): Promise<ReadonlySet<string>> {
  const git = makeGit(dir);
  const evaluator = makeEvaluator({ observe: ignoreObservations });
  const declared = new Set<string>();
  try {
    const entries = await git.lsTree(commit, "tenants", { recursive: true });
    const hashes = new Map(entries.map(({ path, hash }) => [path, hash]));
    for (const { tenant, project, files } of repositoryInputs(entries).projects.values()) {
      const texts = await git.catFiles(files.flatMap(({ path }) => hashes.get(path) ?? []));
      const own = files.map(({ path }) => [path, texts.get(hashes.get(path) ?? "")?.toString("utf8") ?? ""] as const);
      const evaluated = await evaluator.project(new Map(own), tenant, project);
      if (evaluated.kind !== "ok") continue;
      for (const { name } of evaluated.spec.databases) declared.add(`${tenant}.${project}.${name}`);
    }
  } finally {
    await evaluator.close();
    git.close();
  }
  return declared;
}
