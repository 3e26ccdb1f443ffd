import { randomBytes } from "node:crypto";
import {
  type Clock,
  type DataKey,
  ignoreObservations,
  makeVaultOver,
  newId,
  type Observe,
  reportFault,
  type Secret,
  sealingKeyUnknown,
  systemClock,
  type Vault,
} from "../core/index.ts";
import type { Pool, Sql } from "../sql/index.ts";
import {
  type DataKeyRow,
  holdsSealedValues,
  insertDataKey,
  listDataKeys,
  lockDataKeys,
  rewrapDataKey,
} from "../store/index.ts";
import { keyNotUnwrapped, masterKeyNeeded } from "./errors.ts";
import type { KeyEncryptionKey } from "./key-encryption-key.ts";
import { masterBytes } from "./local-key.ts";
import { reseal } from "./reseal.ts";
import { ledgerColumns } from "./sealed-columns.ts";

export type KeyringOptions = {
  readonly sql: Pool;
  /** Wraps. */
  readonly kek: KeyEncryptionKey;
  /** Still unwraps, during a change of the key-encryption key. */
  readonly previous?: readonly KeyEncryptionKey[];
  /** The installation's master key, which the first release sealed under; asked for at the first start of this one. */
  readonly masterKey?: () => Secret | undefined;
  readonly observe?: Observe;
  readonly clock?: Clock;
  /** How long every replica has to learn a new key before it seals. */
  readonly leadSeconds?: number;
  readonly pollMs?: number;
};

/**
 * The data keys of one ledger, unwrapped, in one process. `vault` works with them and never waits.
 *
 * 1. A new key begins to seal only after its lead time, and every process hears of it at once or at its next poll: nobody meets
 *    a value whose key he has not learned. Should it happen all the same, the answer is NEB903, which can be tried again, and
 *    the keys are read anew.
 * 2. A key that was learned stays, whatever becomes of its wrapping: a change of the key-encryption key disturbs nobody who runs.
 */
export type Keyring = {
  readonly vault: Vault;
  /** The key that seals now. */
  current(): string;
  reload(): Promise<void>;
  list(): Promise<readonly DataKeyRow[]>;
  /** A new data key; one that is still waiting to become active is answered instead. */
  rotateData(): Promise<DataKeyRow>;
  /** Wraps every data key by the present key-encryption key. How many were wrapped by another one. */
  rotateKek(): Promise<number>;
  close(): Promise<void>;
};

type Known = DataKey & { readonly activeAtMs: number };

/** @throws NEB905, NEB906, NEB907, NEB908 when the ledger's keys cannot be had. */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const { sql, kek, previous = [], observe = ignoreObservations, clock = systemClock } = options;
  const { leadSeconds = 60, pollMs = 15_000 } = options;
  const known = new Map<string, Known>();
  let root: Buffer | undefined;

  const unwrap = async ({ id, kek: wrappedBy, wrapped }: DataKeyRow): Promise<Buffer> => {
    const opener = [kek, ...previous].find((one) => one.opens(wrappedBy));
    if (opener === undefined) throw keyNotUnwrapped(`${id} was wrapped by ${wrappedBy}, which is not configured here`);
    return opener.unwrap(wrapped, id);
  };

  const learn = async (rows: readonly DataKeyRow[]): Promise<void> => {
    for (const row of rows) {
      if (row.purpose === "root") root ??= await unwrap(row);
      else if (!known.has(row.id))
        known.set(row.id, { id: row.id, key: await unwrap(row), activeAtMs: clock.monotonicMs() + row.activeInMs });
    }
  };

  let loading: Promise<void> | undefined;
  const reload = (): Promise<void> => {
    loading ??= (async () => learn(await listDataKeys(sql)))().finally(() => {
      loading = undefined;
    });
    return loading;
  };
  const reloadQuietly = () => void reload().catch((thrown) => reportFault(observe, "keys.reload", thrown));

  const wrapNew = async (key: Buffer, purpose: DataKeyRow["purpose"], seconds: number, tx: Sql) => {
    const id = newId("dk");
    return insertDataKey(tx, { id, purpose, wrapped: await kek.wrap(key, id), kek: kek.id(), leadSeconds: seconds });
  };

  const current = (): Known => {
    const now = clock.monotonicMs();
    let found: Known | undefined;
    for (const one of known.values())
      if (one.activeAtMs <= now && (found === undefined || one.activeAtMs >= found.activeAtMs)) found = one;
    if (found === undefined) throw sealingKeyUnknown("no key of the ledger is active");
    return found;
  };

  const madeFirst = await ensureFirst(sql, options, wrapNew);
  await reload();
  if (root === undefined) throw masterKeyNeeded("the ledger has no root key");
  const vault = makeVaultOver({ root, current, all: () => [...known.values()], missing: reloadQuietly });
  if (madeFirst) await reseal(sql, vault, current().id, ledgerColumns, observe);

  const unlisten = await sql.listen("nebula_keys", reloadQuietly);
  const polling = setInterval(reloadQuietly, pollMs);
  return {
    vault,
    current: () => current().id,
    reload,
    list: () => listDataKeys(sql),
    rotateData: () =>
      sql.tx(async (tx) => {
        await lockDataKeys(tx);
        const waiting = (await listDataKeys(tx)).find(
          ({ purpose, activeInMs }) => purpose === "data" && activeInMs > 0,
        );
        return waiting ?? wrapNew(randomBytes(32), "data", leadSeconds, tx);
      }),
    rotateKek: () =>
      sql.tx(async (tx) => {
        await lockDataKeys(tx);
        let rewrapped = 0;
        for (const row of await listDataKeys(tx)) {
          const wrapped = kek.opens(row.kek)
            ? await kek.rewrap(row.wrapped, row.id)
            : await kek.wrap(await unwrap(row), row.id);
          if (await rewrapDataKey(tx, row, { wrapped, kek: kek.id() })) rewrapped++;
        }
        return rewrapped;
      }),
    async close() {
      clearInterval(polling);
      await unlisten();
      await loading?.catch(() => undefined);
    },
  };
}

type WrapNew = (key: Buffer, purpose: DataKeyRow["purpose"], leadSeconds: number, tx: Sql) => Promise<DataKeyRow>;

/**
 * Root and first data key of a ledger, once. Where an earlier release has sealed something the root is its master key: databases
 * and states know passwords that came from it. Answers whether this call made them.
 */
const ensureFirst = (sql: Sql, { masterKey }: KeyringOptions, wrapNew: WrapNew): Promise<boolean> =>
  sql.tx(async (tx) => {
    await lockDataKeys(tx);
    if ((await listDataKeys(tx)).length > 0) return false;
    await wrapNew((await holdsSealedValues(tx)) ? legacyRoot(masterKey?.()) : randomBytes(32), "root", 0, tx);
    await wrapNew(randomBytes(32), "data", 0, tx);
    return true;
  });

function legacyRoot(masterKey: Secret | undefined): Buffer {
  if (masterKey === undefined) throw masterKeyNeeded("this ledger was sealed under a master key, which is not given");
  return masterBytes(masterKey);
}
