/**
 * The direct endpoint: Postgres's wire protocol until a session stands, then its bytes as they are. Owns the handshake, routing,
 * sign-in, limits, cancel keys, the relay and the count of its bytes. Does not own when an instance runs (gateway/keeper), what a
 * gate holds (platform/compute), certificates (gateway/tls) and pooling (gateway/pool).
 *
 * 1. Everything before a sign-in comes from a stranger: bounded in bytes, time and number, and never a fault.
 * 2. Nobody wakes a database without its password; who cannot sign in learns nothing of what is there.
 * 3. No password is stored, seen or sent on: the client's own proof signs it in upstream (`scram.ts`).
 * 4. Once a session stands its bytes are not interpreted: every feature of the protocol works that the server has.
 */
export { isAllowed, isLoopback, plainAddress } from "./address.ts";
export { type CancelKeys, makeCancelKeys } from "./cancel-keys.ts";
export { endpointName, makeDirectory } from "./directory.ts";
export { type DirectEndpoint, makeDirectEndpoint } from "./endpoint.ts";
export * from "./errors.ts";
export { defaultGatewayLimits, type GatewayLimits, readGatewayLimits } from "./limits.ts";
export { type Meter, type Metered, makeMeter } from "./meter.ts";
export { mockVerifierText } from "./scram.ts";
export type { Account, Directory, Entered, KeeperPort, TlsIdentity, WakePhases, WireDeps } from "./types.ts";
export { makeWatch, type Watch } from "./watch.ts";
