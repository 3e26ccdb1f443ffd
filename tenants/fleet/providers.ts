import { providers } from "@nebuladb/platform";

/** Where databases can run. `local` is the machine that NebulaDB itself runs on. */
export default providers([{ name: "this-machine", placement: "local", region: "local", engines: ["postgres"] }]);
