// Asks the server for cards. A question that fails is asked again, for a ring must not be lost while
// the lamp is green; the answer is no answer when it is for another sign-in than this page's.
import { isForUs } from "./live-sign-in.js";

const PAUSES_MS = [0, 500, 1_000, 2_000];
const PATIENCE_MS = 10_000;
const ANSWERS = [200, 204, 401, 404];

const pause = (time) => new Promise((go) => setTimeout(go, time));

// Gives status and text; 0 when nothing was answered, 401 when nothing for this page.
export async function ask(url) {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal });
    return isForUs(answer) ? { status: answer.status, text: await answer.text() } : { status: 401 };
  } catch {
    return { status: 0 };
  }
}

// Asks up to four times, as long as the question is the newest; null when a newer one has been asked.
export async function insist(url, isNewest) {
  for (const time of PAUSES_MS) {
    await pause(time);
    const answer = isNewest() ? await ask(url) : null;
    if (!answer || !isNewest()) return null;
    if (ANSWERS.includes(answer.status)) return answer;
  }
  return { status: 0 };
}
