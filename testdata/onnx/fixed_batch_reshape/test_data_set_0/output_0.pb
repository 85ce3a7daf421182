
BlogitsJ(ðKX¿iæŸ¿>Üc>>ì¿"W=L"‡>—É¾N«ü¾€s<