export { type FleetRow, getFleet, listFleets, putFleet } from "./fleets.ts";
