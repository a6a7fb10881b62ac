// Where the pages of this office are, also for a script that no document has loaded.
const root = new URL("../../../", import.meta.url);

export const addressOf = (path) => new URL(path, root);
