/**
 * One client connection, from its first byte to its last: greet, sign in, wake, sign in upstream, relay. The one place where a
 * handshake ends badly.
 *
 * 1. Nobody wakes a database without its password.
 * 2. A client that waits for a database gets its session or an SQLSTATE within 30 s.
 * 3. A session counts for the keeper from before its server is asked until both sides are closed.
 */
import type { Socket } from "node:net";
import { type Gate, noStandby } from "../../platform/compute/index.ts";
import { asNebulaError, NebulaError } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { expiryOf, outward } from "../keeper/index.ts";
import { isLoopback } from "./address.ts";
import { agreeOnVersion, readWanted, upstreamParameters, type Wanted } from "./admit.ts";
import { Gone } from "./byte-reader.ts";
import type { CancelKeys } from "./cancel-keys.ts";
import { traceFirstRow } from "./first-row.ts";
import { type Greeted, greet } from "./greet.ts";
import type { Buckets, Counts } from "./limits.ts";
import { authenticationOk, backendKeyData, cancelRequest, message, negotiateVersion, saslFinal } from "./protocol.ts";
import {
  branchExpired,
  databaseUnknown,
  goingDown,
  handshakeTooSlow,
  notServing,
  passwordReplaced,
  protocolViolation,
  type Refusal,
  Refused,
  signInRefused,
  tlsRequired,
  toErrorResponse,
  tooManyAtOnce,
  tooManyFailures,
  tooManySessions,
} from "./refusal.ts";
import { makeRelay, type Relay } from "./relay.ts";
import { resolveRoute } from "./route.ts";
import type { Proven } from "./scram.ts";
import { signIn } from "./sign-in.ts";
import type { Tap } from "./tap.ts";
import type { Entered, WireDeps } from "./types.ts";
import { openUpstream, sendCancel, type Upstream } from "./upstream.ts";

/** What sessions share. */
export type Shared = {
  readonly cancelKeys: CancelKeys;
  readonly buckets: Buckets;
  /** Open sessions by instance. */
  readonly open: Counts;
  /** Aborted when the gateway begins to go down. */
  readonly draining: AbortSignal;
  /** Sessions that stand. */
  readonly relays: Set<Relay>;
};

const patienceMs = 30_000;
const upstreamMs = 10_000;
const againAfterMs = 20;
/** How long a refused client has to take its answer. */
const lingerMs = 2_000;

type Startup = Extract<Greeted, { kind: "startup" }>;

/** Serves one connection until it is closed. Never throws. */
export async function serve(deps: WireDeps, shared: Shared, raw: Tap, address: string, refusal?: Refusal) {
  const { clock, observe, limits } = deps;
  const began = clock.monotonicMs();
  let client = raw.socket;
  let instance: DatabaseId | undefined;
  const speaks = (socket: Socket) => {
    client = socket;
    socket.on("error", () => undefined);
  };
  speaks(raw.socket);
  const refuse = (told: Refusal, inWords = toErrorResponse(told)) => {
    const where = instance === undefined ? {} : { instance };
    observe({ kind: "gateway.refused", reason: told.reason, code: told.code, address, ...where });
    sayFarewell(client, inWords);
  };
  const deadline = setTimeout(() => refuse(handshakeTooSlow), limits.handshakeMs);
  try {
    const greeted = await greet(raw, deps.tls(), speaks);
    if (greeted.kind === "cancel") return await cancel(deps, shared, greeted, address);
    if (refusal !== undefined) throw new Refused(refusal);
    if (shared.draining.aborted) throw new Refused(goingDown);
    if (greeted.tls === undefined && deps.requireTls && !isLoopback(address)) throw new Refused(tlsRequired(address));
    const known = await authenticate(deps, shared, greeted, address);
    instance = known.gate.id as DatabaseId;
    clearTimeout(deadline);
    const signedInMs = clock.monotonicMs() - began;
    await converse(deps, shared, { ...known, greeted, instance, signedInMs, began });
  } catch (thrown) {
    if (thrown instanceof Gone) client.destroy();
    else if (thrown instanceof RefusedBelow) refuse(thrown.refusal, thrown.error);
    else if (thrown instanceof Refused) refuse(thrown.refusal);
    else {
      const { code, message: text, stack } = asNebulaError(thrown);
      observe({
        kind: "fault",
        where: "gateway.session",
        code,
        message: text,
        ...(stack === undefined ? {} : { stack }),
      });
      refuse(broken);
    }
  } finally {
    clearTimeout(deadline);
  }
}

const broken: Refusal = {
  reason: "server",
  code: "XX000",
  message: "the gateway failed",
  hint: "Connect again; if it stays, the platform's people find the reason in the gateway's log.",
};

/** What is still on its way in is dropped, so that the answer is not lost to a reset. */
function sayFarewell(socket: Socket, words: Buffer): void {
  if (socket.destroyed) return;
  socket.resume();
  socket.end(words);
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
}

async function cancel(
  { observe, limits }: WireDeps,
  { cancelKeys, buckets }: Shared,
  { cancel: { pid, secret }, socket }: Extract<Greeted, { kind: "cancel" }>,
  address: string,
): Promise<void> {
  const perMinute = limits.wrongCancelsPerMinute;
  const key = `cancel:${address}`;
  const isHeard = buckets.has(key, perMinute, perMinute / 60);
  const target = isHeard ? cancelKeys.find(pid, secret) : undefined;
  if (target === undefined) buckets.take(key, perMinute, perMinute / 60);
  observe({ kind: "gateway.cancel", verdict: target !== undefined ? "passed" : isHeard ? "unknown" : "limited" });
  if (target !== undefined) {
    target.touch();
    await sendCancel(target.socketPath, target.request);
  }
  socket.resume();
  socket.end();
}

type Known = {
  readonly wanted: Wanted;
  readonly gate: Gate;
  readonly proven: Proven;
  readonly version: number;
  readonly readOnly: boolean;
};

async function authenticate(deps: WireDeps, { buckets }: Shared, greeted: Startup, address: string): Promise<Known> {
  const { reader, tls, startup } = greeted;
  const { socket } = greeted.tap;
  const { directory, domain, limits, mockSecret, clock } = deps;
  const wanted = readWanted(startup.parameters);
  const { version, mustTell } = agreeOnVersion(startup.version, wanted.protocolOptions);
  if (reader.buffered > 0) throw new Refused(protocolViolation("received data after the startup packet"));
  const { user, database, endpoint } = wanted;
  const asked = { serverName: tls?.serverName, endpoint, database, domain };
  const route = await resolveRoute({ ...asked, find: directory.find });
  const name = route.id ?? `${tls?.serverName} ${endpoint} ${database}`;
  const failures = `failures:${address}:${name}`;
  const perMinute = limits.failuresPerMinute;
  if (!buckets.has(failures, perMinute, perMinute / 60)) throw new Refused(tooManyFailures);
  const gate = route.id === undefined ? undefined : await directory.gateOf(route.id);
  if (mustTell) socket.write(negotiateVersion(version, wanted.protocolOptions));
  const proven = await signIn({
    ...{ socket, reader, gate, name, user, address, mockSecret },
    binding: tls?.binding,
    nowMs: clock.now(),
  });
  if (gate === undefined || proven === undefined) {
    buckets.take(failures, perMinute, perMinute / 60);
    throw new Refused(signInRefused(user, address));
  }
  const expired = expiryOf(gate, clock.now());
  if (expired !== undefined) throw new Refused(branchExpired(expired));
  if (route.database !== undefined && route.database !== gate.databaseName)
    throw new Refused(databaseUnknown(route.database, gate.databaseName));
  return { wanted, gate, proven, version, readOnly: route.readOnly };
}

type Conversation = Known & {
  readonly greeted: Startup;
  readonly instance: DatabaseId;
  readonly signedInMs: number;
  readonly began: number;
};

async function converse(deps: WireDeps, shared: Shared, talk: Conversation): Promise<void> {
  const { instance, gate } = talk;
  const { connections, connectionsPerSecond } = gate.limits;
  if (connections > 0 && shared.open.of(instance) >= connections) throw new Refused(tooManySessions(connections));
  if (connectionsPerSecond > 0 && !shared.buckets.take(`rate:${instance}`, connectionsPerSecond, connectionsPerSecond))
    throw new Refused(tooManyAtOnce(connectionsPerSecond));
  shared.open.add(instance);
  try {
    const { entered, upstream, tries } = await reach(deps, shared, talk);
    try {
      await relay(deps, shared, talk, entered, upstream, tries);
    } finally {
      entered.leave();
      upstream.tap.socket.destroy();
    }
  } finally {
    shared.open.drop(instance);
  }
}

type Reached = { readonly entered: Entered; readonly upstream: Upstream; readonly tries: number };

/** The server refused, in its own words. */
class RefusedBelow extends Refused {
  readonly error: Buffer;
  constructor(code: string, error: Buffer) {
    super({ reason: "server", code, message: "the server refused" });
    this.error = error;
  }
}

/** It is stopping, starting, or was killed: another moment, another answer. */
const passing = new Set(["57P01", "57P02", "57P03"]);

/** A session at the instance's server that no suspend has overtaken. */
async function reach(deps: WireDeps, { draining }: Shared, talk: Conversation): Promise<Reached> {
  const { keeper, clock } = deps;
  const { instance, gate, wanted, proven, greeted } = talk;
  const parameters = upstreamParameters(wanted, gate);
  const deadline = clock.monotonicMs() + patienceMs;
  let last = "it does not answer";
  for (let tries = 1; ; tries++) {
    const left = deadline - clock.monotonicMs();
    if (greeted.tap.socket.destroyed) throw new Gone("the client did not wait");
    if (draining.aborted) throw new Refused(goingDown);
    if (left <= 0) throw new Refused(notServing(`the database is not ready: ${last}`, "Try again in a moment."));
    const entering = talk.readOnly ? enterStandby(keeper, instance) : keeper.enter(instance, "direct");
    const entered = await entering.catch((thrown: unknown) => {
      throw new Refused(refusalOf(thrown));
    });
    const { socketPath } = entered;
    const timeoutMs = Math.min(left, upstreamMs);
    const ending = await openUpstream({ socketPath, clientKey: proven.clientKey, parameters, timeoutMs });
    if (ending.kind === "open") {
      if (entered.confirm()) return { entered, upstream: ending.upstream, tries };
      ending.upstream.tap.socket.destroy();
      last = "it was being suspended";
    }
    entered.leave();
    if (ending.kind === "refused") {
      if (ending.code === "28P01") throw new Refused(passwordReplaced(wanted.user));
      if (!passing.has(ending.code)) throw new RefusedBelow(ending.code, ending.error);
      last = "it is starting or stopping";
    }
    if (ending.kind === "away") last = ending.why;
    await clock.sleep(againAfterMs, draining);
  }
}

async function enterStandby(keeper: WireDeps["keeper"], instance: DatabaseId): Promise<Entered> {
  if (keeper.enterStandby === undefined) throw noStandby(`${instance} has no standby`);
  return keeper.enterStandby(instance);
}

function refusalOf(thrown: unknown): Refusal {
  if (!(thrown instanceof NebulaError)) throw thrown;
  // who signed in may hear that somebody paused it; what else went wrong is for the log
  return notServing(outward(thrown).message, thrown.hint);
}

async function relay(
  deps: WireDeps,
  { cancelKeys, relays, draining }: Shared,
  talk: Conversation,
  entered: Entered,
  upstream: Upstream,
  tries: number,
): Promise<void> {
  const { clock, observe } = deps;
  const { instance, greeted, proven, version, signedInMs, began } = talk;
  const { tap, reader } = greeted;
  const client = tap.socket;
  const { socketPath, wake } = entered;
  const touch = () => entered.touch();
  const request = cancelRequest(upstream.pid, upstream.secret);
  const key = cancelKeys.add(upstream.pid, version, { socketPath, request, touch });
  const account = deps.account(instance);
  account.connections += 1;
  const readyMs = clock.monotonicMs() - began;
  observe({
    kind: "gateway.opened",
    instance,
    endpoint: "direct",
    tls: greeted.tls !== undefined,
    wake: wake?.kind ?? "none",
    durationMs: readyMs,
  });
  const early = reader.release();
  client.setNoDelay(true);
  client.write(
    Buffer.concat([
      saslFinal(proven.final),
      authenticationOk,
      upstream.greeting,
      backendKeyData(upstream.pid, key.secret),
      readyForQuery,
    ]),
  );
  const onFirstAnswer = () => {
    if (wake === null) return;
    const totalMs = clock.monotonicMs() - began;
    const { kind: how, queuedMs, startMs, readyMs: untilReadyMs } = wake;
    const authMs = Math.max(0, readyMs - signedInMs - queuedMs - startMs - untilReadyMs);
    const sinceWakeMs = totalMs - signedInMs - queuedMs - startMs - untilReadyMs;
    const told = traceFirstRow(deps, wake, { instance, sinceWakeMs });
    told({
      kind: "gateway.woke",
      instance,
      how,
      tries,
      acceptMs: signedInMs,
      queuedMs,
      startMs,
      readyMs: untilReadyMs,
      authMs,
      firstRowMs: totalMs - readyMs,
      totalMs,
    });
  };
  const answered = () => entered.answered();
  const session = makeRelay({ client: tap, upstream, early, account, touch, answered, onFirstAnswer });
  relays.add(session);
  if (draining.aborted) session.endWhenIdle(farewell);
  await session.ended;
  relays.delete(session);
  key.remove();
  const { bytesIn, bytesOut } = session;
  observe({
    kind: "gateway.closed",
    instance,
    endpoint: "direct",
    bytesIn,
    bytesOut,
    durationMs: clock.monotonicMs() - began,
  });
}

const readyForQuery = message("Z", Buffer.from("I"));
export const farewell = toErrorResponse(goingDown);
