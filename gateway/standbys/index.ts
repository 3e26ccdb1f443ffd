/**
 * The standbys of databases that declare replicas: that they are there and follow, that one takes its primary's place when that cannot
 * be started any more, and where a session that only reads may go. Owns when something is done; how is platform/compute's.
 *
 * 1. A primary is taken for dead when its process is gone, or when it has not answered for a while and was then ended: never two at
 *    once. It is started where it is first; whoever does that decides under the instance's lock whether a standby takes its place.
 * 2. One database at a time is looked after by one loop of this process; several processes exclude each other by the same locks.
 * 3. Nothing is remembered: what is being done stands in files, and whoever comes next goes on with it.
 */
export { atStandby, replicatedIn } from "./enter.ts";
export { registerStandbys } from "./gauges.ts";
export { makeStandbyGuard, type StandbyGuard, type StandbyGuardOptions } from "./guard.ts";
