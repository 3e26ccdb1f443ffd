import type { BackupLine } from "./lines.ts";

/** The moments of a database that can be restored, as far as the ledger knows; what is not stored yet is fetched when it is wanted. */
export type RestorableWindow = { readonly from: Date; readonly to: Date };

type Stored = Pick<BackupLine, "recoverableFrom" | "coveredTo">;

/** From the first moment of any life of the database to what is stored of the last: a restore in place can be taken back. */
export function restorableWindow(lines: readonly Stored[]): RestorableWindow | undefined {
  const times = lines.flatMap(({ recoverableFrom: from, coveredTo }) => {
    if (from === null) return [];
    return [{ from, to: coveredTo !== null && coveredTo > from ? coveredTo : from }];
  });
  const [first, ...others] = times;
  return others.reduce<typeof first>((all, { from, to }) => {
    if (all === undefined) return { from, to };
    return { from: from < all.from ? from : all.from, to: to > all.to ? to : all.to };
  }, first);
}

/**
 * Why a moment cannot be restored, to be said after "it"; undefined where it can be tried. A gap between two lives, and seconds that are
 * not stored yet, are for the restore itself.
 */
export function whyNotRestorable(moment: Date, window: RestorableWindow | undefined): string | undefined {
  if (window === undefined) return "cannot be restored: there is no backup yet";
  if (moment >= window.from) return undefined;
  const [from, to] = [window.from.toISOString(), window.to.toISOString()];
  return `is before ${from}, the first that can be restored: from then to ${to} and the seconds since`;
}
