// The sound of the ring, made here: two soft tones, twice, every three seconds, for three minutes.
const ROUNDS = 60;
const PITCHES = [587, 740];

export function isLetPlay() {
  return new Promise((tell) => {
    const audio = new AudioContext();
    // A context that may play begins to run within a moment; the others wait for a click.
    setTimeout(() => {
      tell(audio.state === "running");
      audio.close();
    }, 200);
  });
}

export function play() {
  const audio = new AudioContext();
  const loudness = audio.createGain();
  loudness.connect(audio.destination);
  loudness.gain.value = 0;
  for (const pitch of PITCHES) {
    const tone = audio.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(loudness);
    tone.start();
  }
  // All rounds are laid out now, because the timers of a hidden tab come late.
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const beat of [0, 0.45]) {
      const at = audio.currentTime + round * 3 + beat;
      loudness.gain.setTargetAtTime(0.08, at, 0.03);
      loudness.gain.setTargetAtTime(0, at + 0.25, 0.12);
    }
  }
  return () => audio.close();
}
