// The browser's own slider: its name, its bounds, and a value that follows the model and is followed by it.
export default {
  render({ model, el }) {
    const range = document.createElement('input');
    Object.assign(range, { type: 'range', min: model.get('low'), max: model.get('high'), step: 1 });
    range.setAttribute('aria-label', model.get('name'));
    const show = () => {
      range.value = model.get('value'); // beyond its end it stays there, and the value what it is
    };
    range.addEventListener('input', () => {
      model.set('value', Number(range.value));
      model.save_changes();
    });
    model.on('change:value', show);
    show();
    el.append(range);
    return () => model.off('change:value', show);
  }
};
