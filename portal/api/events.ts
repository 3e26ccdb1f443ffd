import type { Response } from "express";
import { getOperation, isEnded, listEvents, type Operation, type OperationEvent } from "../../platform/store/index.ts";
import { tooManyAtOnce } from "./errors.ts";
import type { Portal } from "./portal.ts";
import { operationToWire } from "./wire.ts";

/** Without news for this long a comment is sent, so that proxies keep the line and a dead one is noticed. */
const heartbeatMs = 15_000;
/** The table is the truth: it is read this often even when no notification came. */
const pollMs = 2_000;

export type Follower = {
  readonly response: Response;
  readonly user: string;
  /** Asked after each look and before what it found is sent: a credential that is revoked sees nothing more. */
  readonly isAllowed: () => Promise<boolean>;
};

/**
 * An operation's events as server-sent events, until it has ended, the caller has gone or may not see it any more, or the process
 * stops. A caller that lost the line comes back with Last-Event-ID and misses nothing.
 */
export async function followOperation(
  portal: Portal,
  { response, user, isAllowed }: Follower,
  operation: Operation,
  afterId: number,
  toWire: (event: OperationEvent) => unknown,
): Promise<void> {
  const { crowd, limits } = portal;
  const leave = crowd.enter(`streams:${user}`, limits.streams);
  if (leave === undefined) throw tooManyAtOnce(`${limits.streams} event streams of this user are open`);
  response.once("close", leave);
  const gone = goneSignal(portal, response);
  const bell = makeBell();
  const unlisten = await portal.sql.listen("nebula_events", (payload) => {
    if (payload === operation.id) bell.ring();
  });
  try {
    response.type("text/event-stream").setHeader("x-accel-buffering", "no");
    response.flushHeaders();
    let last = Number.isSafeInteger(afterId) && afterId >= 0 ? afterId : 0;
    let quietMs = 0;
    while (!gone.aborted) {
      // The state is read before the events: what is read after an end is complete.
      const now = await getOperation(portal.sql, operation.id);
      const events = await listEvents(portal.sql, operation.id, last);
      if (now === undefined || !(await isAllowed())) return;
      for (const event of events) response.write(block("event", event.id, toWire(event)));
      last = events.at(-1)?.id ?? last;
      if (isEnded(now) && events.length === 0) {
        response.write(block("end", last, operationToWire(now)));
        return;
      }
      quietMs = events.length > 0 ? 0 : quietMs + pollMs;
      if (quietMs >= heartbeatMs) {
        response.write(": still here\n\n");
        quietMs = 0;
      }
      if (!isEnded(now)) await bell.wait(pollMs, gone);
    }
    // The process stops: another one, or this one again, goes on after Last-Event-ID.
    response.write("retry: 1000\n\n");
  } finally {
    await unlisten();
    response.end();
  }
}

const block = (event: string, id: number, data: unknown): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

function goneSignal({ closing }: Portal, response: Response): AbortSignal {
  const left = new AbortController();
  response.on("close", () => left.abort());
  return AbortSignal.any([closing, left.signal]);
}

/** Wakes the waiter; a ring while nobody waits is kept for the next one. */
function makeBell() {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (!rung && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(done, ms);
          signal.addEventListener("abort", done, { once: true });
          wake = done;
          function done() {
            clearTimeout(timer);
            signal.removeEventListener("abort", done);
            wake = () => {};
            resolve();
          }
        });
      rung = false;
    },
  };
}
