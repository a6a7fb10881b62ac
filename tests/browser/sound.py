"""What a page plays, counted in the page before any script of its own runs."""

HEAR = """
  globalThis.tones = 0;
  globalThis.sounding = new Set();
  const { start } = OscillatorNode.prototype;
  OscillatorNode.prototype.start = function (...told) {
    tones += 1;
    sounding.add(this.context);
    return start.apply(this, told);
  };
  const { close } = AudioContext.prototype;
  AudioContext.prototype.close = function () {
    sounding.delete(this);
    return close.call(this);
  };
"""
