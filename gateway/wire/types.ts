import type { SecureContext } from "node:tls";
import type { Gate } from "../../platform/compute/index.ts";
import type { Clock, Observe, Tracer } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { CancelKeys } from "./cancel-keys.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Traffic } from "./relay.ts";

/** What the gateway shows of itself. Replaced as a whole when certificates change. */
export type TlsIdentity = {
  readonly context: SecureContext;
  /** `tls-server-end-point` of the certificate (RFC 5929). */
  readonly binding: Buffer;
};

export type Directory = {
  gateOf(id: DatabaseId): Promise<Gate | undefined>;
  /** The instance of an endpoint's name. */
  find(endpoint: string): Promise<DatabaseId | undefined>;
};

export type WakePhases = {
  readonly kind: "start" | "thaw";
  readonly queuedMs: number;
  readonly startMs: number;
  readonly readyMs: number;
  readonly traceparent?: string;
};

/** What the wire asks of the keeper (gateway/keeper). */
export type KeeperPort = {
  enter(id: DatabaseId, why: "direct"): Promise<Entered>;
  /** A standby that serves, for a session that only reads. */
  enterStandby?(id: DatabaseId): Promise<Entered>;
};

export type Entered = {
  readonly socketPath: string;
  /** Null when it was awake. */
  readonly wake: WakePhases | null;
  /** The client said something. */
  touch(): void;
  /** The server answered something. */
  answered(): void;
  leave(): void;
  /** False when a suspend won the race against this session: drop it and enter again. */
  confirm(): boolean;
};

export type Account = Traffic & {
  connections: number;
  /** Of the data API. */
  requests: number;
};

/** What a session needs of the process around it. */
export type WireDeps = {
  readonly directory: Directory;
  readonly keeper: KeeperPort;
  /** Asked for each connection; undefined: in clear only. */
  readonly tls: () => TlsIdentity | undefined;
  /** Host names under it are endpoints. */
  readonly domain: string;
  /** Addresses outside this machine must use TLS. */
  readonly requireTls: boolean;
  readonly limits: GatewayLimits;
  /** Makes what unknown names are answered; the same after a restart. */
  readonly mockSecret: Buffer;
  /** Where an instance's bytes are counted. */
  readonly account: (id: DatabaseId) => Account;
  readonly cancelKeys?: CancelKeys;
  readonly clock: Clock;
  readonly observe: Observe;
  /** Default: nothing is traced. */
  readonly tracer?: Tracer;
};
