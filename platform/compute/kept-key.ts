import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Secret, type Vault } from "../core/index.ts";
import type { DatabaseId } from "../spec/index.ts";
import { adminKeyMissing } from "./errors.ts";
import { adminPurpose } from "./identity.ts";
import { writeAtomically } from "./manifest.ts";
import { type Layout, type Place, placeOf } from "./paths.ts";
import type { Context } from "./running.ts";

/**
 * The administrator's password of one instance, in a file beside it, 0600 and ours: a gateway asks a server who uses it also while
 * the ledger, and with it the vault, is down. It opens nothing that its reader does not have: the login works through the Unix
 * socket of this machine only, and who reads the file reads the database's own files as well.
 */
export async function keepAdminKey({ vault }: Context, place: Place, id: DatabaseId): Promise<void> {
  const text = vault.derive(adminPurpose(id)).reveal();
  if ((await readFile(place.adminKey, "utf8").catch(() => undefined)) === text) return;
  await writeAtomically(place.adminKey, text, 0o600);
}

/** What a gateway has instead of the vault: the keys that lie beside the instances, and nothing else. */
export function keptKeys(layout: Layout): Pick<Vault, "derive"> {
  return {
    derive(purpose) {
      const id = purpose.slice(adminPurpose("").length);
      if (purpose !== adminPurpose(id)) throw adminKeyMissing(`${purpose} is not kept beside an instance`);
      try {
        return new Secret(readFileSync(placeOf(layout, id).adminKey, "utf8"));
      } catch (cause) {
        throw adminKeyMissing(`${id} has no admin.key`, { cause });
      }
    },
  };
}
