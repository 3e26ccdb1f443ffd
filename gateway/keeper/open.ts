/**
 * A session of the gateway's own, by way of the keeper.
 *
 * 1. Only opening is tried again, and once: a statement that was sent may have been done.
 * 2. A server that could not be reached, or was lost, is left without a confirmation: the keeper believed it awake, and looks before it
 *    lets in the next one. So whoever comes after somebody paused it hears that, and not that a socket is gone.
 */
import { asNebulaError } from "../../platform/core/index.ts";
import { isUnavailable, sqlState } from "../../platform/sql/index.ts";
import { databaseUnreached } from "./errors.ts";
import type { Entered } from "./types.ts";

export type Opened<T> = {
  readonly entered: Entered;
  readonly opened: T;
  /** When all is over: with what ended it, if anything did. */
  leave(thrown?: unknown): void;
};

/** @throws NEB776 when its server cannot be reached at the second try either; what entering and opening throw. */
export async function enterAndOpen<T>(
  enter: () => Promise<Entered>,
  open: (entered: Entered) => Promise<T>,
): Promise<Opened<T>> {
  for (let isAgain = false; ; isAgain = true) {
    const entered = await enter();
    try {
      const opened = await open(entered);
      return { entered, opened, leave: (thrown) => leave(entered, thrown) };
    } catch (thrown) {
      leave(entered, thrown);
      if (isAgain || !isGone(thrown)) throw unreachedOr(thrown);
    }
  }
}

/** In words of the gateway; the server's own, and where its socket is, are for the log. */
export const unreachedOr = (thrown: unknown): unknown =>
  isUnavailable(thrown) ? databaseUnreached(asNebulaError(thrown).message, { cause: thrown }) : thrown;

const tooManyClients = "53300";

/** A server that has no room is there. */
const isGone = (thrown: unknown): boolean => isUnavailable(thrown) && sqlState(thrown) !== tooManyClients;

/** Until here it stood as somebody who is still to sign in: that keeps a suspend from beginning. */
function leave(entered: Entered, thrown: unknown): void {
  if (!isGone(thrown)) entered.confirm();
  entered.leave();
}
