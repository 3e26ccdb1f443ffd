export { type FleetRow, fleetDeclaring, getFleet, listFleets, onlyFleet, putFleet, tenantsDigest } from "./fleets.ts";
