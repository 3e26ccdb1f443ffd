import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { newId, Secret, type Vault } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { erased, type Who } from "./line.ts";

/**
 * A pseudonym and a key for everybody who acts. What the audit holds of a person is encrypted under the person's key; erasing
 * them destroys the key and the way from the name to the pseudonym, and the chain stays as it is.
 */
export type Subjects = {
  /** Pseudonym and key of an actor, made at first need. */
  of(actor: string): Promise<SubjectKey>;
  /** The pseudonym of an actor who is known; undefined also after an erasure. */
  find(actor: string): Promise<string | undefined>;
  seal(key: SubjectKey, who: Who): string;
  /** Who they were, by pseudonym and ciphertext; the mark of erasure when nobody can say any more. */
  open(lines: readonly { readonly subject: string; readonly personal: string }[]): Promise<readonly Who[]>;
  /** Names of people by pseudonym, as far as they are not erased. */
  names(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Destroys the key. Whether there was one. */
  erase(actor: string): Promise<string | undefined>;
};

export type SubjectKey = { readonly id: string; readonly key: Buffer };

export const subjectContext = (id: string): string => `subject:${id}`;

/** Another replica may erase somebody: a key is remembered this long. */
const rememberedMs = 10_000;

export function makeSubjects(sql: Sql, vault: Vault): Subjects {
  const lookupKey = Buffer.from(vault.derive("audit:lookup").reveal());
  const byLookup = new LRUCache<string, Promise<SubjectKey>>({ max: 2000, ttl: rememberedMs });
  const byId = new LRUCache<string, Buffer>({ max: 2000, ttl: rememberedMs });
  const lookupOf = (actor: string) =>
    createHmac("sha256", lookupKey).update(actor.normalize("NFKC").trim().toLowerCase()).digest("base64url");

  const ensure = async (actor: string, lookup: string): Promise<SubjectKey> => {
    const id = newId("sub");
    const key = randomBytes(32);
    await sql.query(
      `insert into subjects (id, lookup, key_sealed, name) values ($1, $2, $3, $4) on conflict (lookup) do nothing`,
      [
        id,
        lookup,
        vault.seal(new Secret(key.toString("base64")), subjectContext(id)),
        encrypt(key, id, actor.normalize("NFKC").trim()),
      ],
    );
    const row = await sql.one<{ id: string; sealed: string }>(
      "select id, key_sealed as sealed from subjects where lookup = $1",
      [lookup],
    );
    return { id: row.id, key: openKey(row.id, row.sealed) };
  };

  const openKey = (id: string, sealed: string) =>
    Buffer.from(vault.open(sealed, subjectContext(id)).reveal(), "base64");

  const keysOf = async (ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> => {
    const unknown = [...new Set(ids)].filter((id) => !byId.has(id));
    const rows = await (unknown.length === 0
      ? []
      : sql.query<{ id: string; sealed: string }>(
          "select id, key_sealed as sealed from subjects where id = any($1) and key_sealed is not null",
          [unknown],
        ));
    for (const { id, sealed } of rows) byId.set(id, openKey(id, sealed));
    return new Map(ids.flatMap((id) => entryOf(id, byId.get(id))));
  };

  return {
    of(actor) {
      const lookup = lookupOf(actor);
      const known = byLookup.get(lookup);
      if (known !== undefined) return known;
      const made = ensure(actor, lookup);
      byLookup.set(lookup, made);
      made.catch(() => byLookup.delete(lookup));
      return made;
    },
    async find(actor) {
      const row = await sql.maybe<{ id: string }>("select id from subjects where lookup = $1", [lookupOf(actor)]);
      return row?.id;
    },
    seal: ({ id, key }, who) => encrypt(key, id, JSON.stringify(who)),
    async open(lines) {
      const keys = await keysOf(lines.map(({ subject }) => subject));
      return lines.map(({ subject, personal }) => openWho(keys.get(subject), subject, personal));
    },
    async names(ids) {
      const rows = await sql.query<{ id: string; sealed: string; name: string }>(
        "select id, key_sealed as sealed, name from subjects where id = any($1) and key_sealed is not null",
        [[...new Set(ids)]],
      );
      return new Map(rows.map(({ id, sealed, name }) => [id, decrypt(openKey(id, sealed), id, name)]));
    },
    async erase(actor) {
      const lookup = lookupOf(actor);
      const row = await sql.maybe<{ id: string }>(
        `update subjects set lookup = null, key_sealed = null, name = null, erased_at = clock_timestamp() where lookup = $1 returning id`,
        [lookup],
      );
      byLookup.delete(lookup);
      if (row !== undefined) byId.delete(row.id);
      return row?.id;
    },
  };
}

const entryOf = (id: string, key: Buffer | undefined): [string, Buffer][] => (key === undefined ? [] : [[id, key]]);

/** A line that does not open tells nothing of anybody; whether it was tampered with is the chain's to say. */
function openWho(key: Buffer | undefined, subject: string, personal: string): Who {
  if (key === undefined) return erased;
  try {
    return JSON.parse(decrypt(key, subject, personal)) as Who;
  } catch {
    return erased;
  }
}

function encrypt(key: Buffer, subject: string, text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(subject));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString("base64");
}

/** @throws Error when it was changed or is another subject's. */
function decrypt(key: Buffer, subject: string, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAAD(Buffer.from(subject));
  decipher.setAuthTag(bytes.subarray(bytes.length - 16));
  return Buffer.concat([decipher.update(bytes.subarray(12, bytes.length - 16)), decipher.final()]).toString("utf8");
}
