export { gitHostsCheck, ledgerCheck, replicasCheck, standbysCheck } from "./checks.ts";
export {
  type ComponentChange,
  listComponentChanges,
  pruneComponentChanges,
  recordComponentChanges,
} from "./component-states.ts";
export {
  type Incident,
  type IncidentImpact,
  type IncidentState,
  type IncidentUpdate,
  incidentImpacts,
  incidentStates,
  listIncidents,
  openIncident,
  updateIncident,
} from "./incidents.ts";
