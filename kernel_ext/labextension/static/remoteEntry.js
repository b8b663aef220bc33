// What JupyterLab loads of us, written by hand as a module-federation container: no build, nothing bundled.
(function () {
  const container = {
    init: () => {},
    get: async () => () => ({
      __esModule: true,
      default: { id: 'dask-dataproc:plugin', autoStart: true, activate: () => {} }
    })
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {})['dask-dataproc'] = container;
})();
