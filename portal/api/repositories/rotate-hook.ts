import type { Secret } from "../../../platform/core/index.ts";
import {
  beginHookRotation,
  endHookRotation,
  getRepository,
  type RepositoryRow,
  repositoryContext,
} from "../../../platform/store/index.ts";
import { wrongState } from "../errors.ts";
import type { Portal } from "../portal.ts";
import { newHookSecret } from "./register.ts";
import { type SetUp, setUpHook } from "./set-up.ts";

/** What was signed before the host took the new secret may still be on its way, or be sent again. */
const overlapSeconds = 3600;
/** A person needs longer to type it in. */
const byHandSeconds = 86_400;

/**
 * Gives the webhook a new secret, without a delivery lost: both are good from before the host is told until an hour after. A
 * rotation that stopped half-way is finished by the next. Also mends a webhook that is gone or was changed.
 */
export async function rotateHook(
  portal: Portal,
  row: RepositoryRow,
): Promise<SetUp & { readonly row: RepositoryRow; readonly oldUntil: Date | null }> {
  const { sql, vault } = portal;
  const url = row.hookUrl ?? portal.git.settings.hookUrl;
  if (url === null)
    throw wrongState(`${row.owner}/${row.name} has no webhook: it is polled`, {
      hint: "Set NEBULA_HOOK_URL, or add the repository again with --hook-url.",
    });
  const begun = await beginHookRotation(
    sql,
    row.id,
    vault.seal(newHookSecret(), repositoryContext(row.id, "hook-secret")),
  );
  const page = `https://${new URL(row.apiUrl).host.replace(/^api\./, "")}/${row.owner}/${row.name}`;
  const { done, todo, hookSecret } = await setUpHook(portal, begun, url, page);
  const isTold = done !== undefined || hookSecret !== undefined;
  const oldUntil = isTold
    ? await endHookRotation(sql, row.id, hookSecret === undefined ? overlapSeconds : byHandSeconds)
    : null;
  return {
    done: done === undefined ? [] : [`a new secret for ${done}`],
    todo: todo === undefined ? [] : [todo],
    hookSecret: hookSecret ?? null,
    oldUntil,
    row: (await getRepository(sql, row.id)) ?? begun,
  };
}

export const revealed = (secret: Secret | null): string | null => (secret === null ? null : secret.reveal());
